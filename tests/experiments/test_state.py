"""What a run folder is to the command that names it."""

from pathlib import Path
from typing import Any

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.state import State, find_state, move_aside
from cxr_xai.files import write_json


def certificate(**changes: str) -> dict[str, Any]:
    return {section: {"sha256": changes.get(section, section * 4)} for section in ("code", "data", "split")}


def folder(tmp_path: Path, epochs: int | None, early: bool = False) -> RunFolder:
    run = RunFolder(tmp_path / "cell")
    write_json(run.certificate, certificate())
    run.checkpoints.mkdir()
    run.last.touch()
    if epochs is not None:
        run.write_summary({"max_epochs": epochs, "stopped_early": early})
    return run


def test_nothing_is_fresh(tmp_path: Path) -> None:
    assert find_state(RunFolder(tmp_path / "cell"), certificate(), 5) is State.FRESH


def test_without_summary_partial(tmp_path: Path) -> None:
    assert find_state(folder(tmp_path, None), certificate(), 5) is State.PARTIAL


def test_with_summary_complete(tmp_path: Path) -> None:
    assert find_state(folder(tmp_path, 5), certificate(), 5) is State.COMPLETE


def test_more_epochs_continue(tmp_path: Path) -> None:
    assert find_state(folder(tmp_path, 5), certificate(), 9) is State.PARTIAL


def test_more_epochs_do_not_continue_what_stopped_early(tmp_path: Path) -> None:
    assert find_state(folder(tmp_path, 5, early=True), certificate(), 9) is State.COMPLETE


@pytest.mark.parametrize("what", ["code", "data", "split"])
def test_a_change_is_refused_with_the_way_out(tmp_path: Path, what: str) -> None:
    with pytest.raises(UserError, match=f"other {what} .*fresh=true"):
        find_state(folder(tmp_path, 5), certificate(**{what: "something else"}), 5)


def test_moving_aside_keeps_everything(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "cell").mkdir()
        (tmp_path / "cell" / "file").write_text(str(number))
        assert move_aside(RunFolder(tmp_path / "cell")) == tmp_path / f"cell~{number}"
    assert (tmp_path / "cell~1" / "file").read_text() == "1"
    assert move_aside(RunFolder(tmp_path / "cell")) is None
