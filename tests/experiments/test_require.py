"""Settings are refused in a line, before anything is computed."""

from pathlib import Path

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.require import require_file, require_folder, require_numbers, require_share


def test_numbers_in_range_pass() -> None:
    require_numbers({"bootstrap": 1, "grid": 1024, "max_studies": None}, ["max_studies"], bootstrap=1, grid=1)
    require_numbers({"max_studies": None}, ["max_studies"], max_studies=1)
    require_numbers({"max_studies": 10**7}, max_studies=1)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "many", None, 100_001])
def test_every_other_number_is_refused(value: object) -> None:
    with pytest.raises(UserError, match=f"bootstrap={value}: expected a whole number from 1 to 100,000."):
        require_numbers({"bootstrap": value}, bootstrap=1)


def test_null_is_offered_where_it_is_allowed() -> None:
    with pytest.raises(UserError, match=r"max_studies=0: expected a whole number of at least 1 or null\."):
        require_numbers({"max_studies": 0}, ["max_studies"], max_studies=1)


def test_shares() -> None:
    assert [require_share({"t": value}, "t") for value in (0, 0.5, 1)] == [0, 0.5, 1]
    for value in (-0.1, 1.1, True, "half", None, float("nan")):
        with pytest.raises(UserError, match=f"t={value}: expected a number from 0 to 1"):
            require_share({"t": value}, "t")


def test_places_that_can_be_written_are_made(tmp_path: Path) -> None:
    assert require_folder(tmp_path / "a" / "b").is_dir()
    assert require_file(tmp_path / "c" / "d.csv").parent.is_dir()


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, not a folder"):
        require_file(tmp_path / "file" / "x.csv")
    with pytest.raises(UserError, match=r"output=.* is a folder; name a file in it"):
        require_file(tmp_path)
    for need in (require_folder, require_file):
        with pytest.raises(UserError, match=r"output: /proc/foo.* cannot be made \("):
            need(Path("/proc/foo/bar/c.csv"))
