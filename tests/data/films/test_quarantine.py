"""What no run uses, and why."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.data.films.quarantine import find_unfit, read_exclusions, require_sound
from cxr_xai.errors import UserError

IMAGES = pd.Series(["a.png", "b.png", "c.png"])


def test_copies_within_a_patient_stay_and_unread_films_are_no_copies() -> None:
    facts = pd.DataFrame({"problem": ["", "", "", "empty file", "blank"], "pixels": ["x", "x", "y", "", ""]})
    assert find_unfit(facts, ["1", "1", "2", "3", "4"]).tolist() == ["", "", "", "empty file", "blank"]


def test_all_copies_under_several_patients_go() -> None:
    facts = pd.DataFrame({"problem": [""] * 4, "pixels": ["x", "y", "x", "x"]})
    assert find_unfit(facts, ["1", "1", "2", "3"]).tolist() == [
        "same film under 3 patients",
        "",
        *["same film under 3 patients"] * 2,
    ]


@pytest.mark.parametrize(
    ("bad", "films", "broken"), [(10, 40, False), (11, 40, True), (11, 400, False), (21, 400, True)]
)
def test_a_copy_is_broken_above_a_share_and_a_number(bad: int, films: int, broken: bool) -> None:
    problems = {f"{number}.png": "empty file" for number in range(bad)}
    if broken:
        with pytest.raises(UserError, match=rf"{bad} of {films} films are unfit, among them 0\.png \(empty file\)"):
            require_sound(problems, films)
    else:
        require_sound(problems, films)


def test_no_film_left_is_a_broken_copy() -> None:
    with pytest.raises(UserError, match="the copy is broken"):
        require_sound({"a.png": "blank", "b.png": "blank"}, 2)
    require_sound({}, 0)


def test_a_list_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("image_id,reason\nb.png,lateral view\na.png,\n")
    assert read_exclusions(path, IMAGES) == {"b.png": "lateral view", "a.png": "excluded by hand"}


@pytest.mark.parametrize("text", ["image,why\na.png,x\n", "", "image_id\na.png\n"])
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UserError, match="expected a CSV with the columns image_id,reason"):
        read_exclusions(tmp_path / "list.csv", IMAGES)


def test_an_unknown_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image_id,reason\nz.png,x\n")
    with pytest.raises(UserError, match=r"names z\.png, which the label file does not have"):
        read_exclusions(tmp_path / "list.csv", IMAGES)
