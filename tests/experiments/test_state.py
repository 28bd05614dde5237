"""What a run folder is to the command that names it."""

import os
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.state import State, claim_run, find_state, move_aside
from cxr_xai.files import write_json
from cxr_xai.lease import Lease

SECTIONS = ("code", "data", "split", "weights", "guidance")


def certificate(**changes: str) -> dict[str, Any]:
    return {section: {"sha256": changes.get(section, section * 4)} for section in SECTIONS}


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


def test_a_run_without_guidance_has_no_masks(tmp_path: Path) -> None:
    run = folder(tmp_path, 5)
    write_json(run.certificate, {**certificate(), "guidance": None})
    before = {section: found for section, found in certificate().items() if section != "guidance"}
    for now in (before, {**before, "guidance": None}, {**before, "guidance": {"source": "atlas"}}):
        assert find_state(run, now, 5) is State.COMPLETE
    with pytest.raises(UserError, match="other masks"):
        find_state(run, certificate(), 5)


@pytest.mark.parametrize("what", SECTIONS)
def test_a_change_is_refused_with_the_way_out(tmp_path: Path, what: str) -> None:
    with pytest.raises(UserError, match=f"other {'masks' if what == 'guidance' else what} .*fresh=true"):
        find_state(folder(tmp_path, 5), certificate(**{what: "something else"}), 5)


def test_moving_aside_keeps_everything(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "cell").mkdir()
        (tmp_path / "cell" / "file").write_text(str(number))
        assert move_aside(RunFolder(tmp_path / "cell")) == tmp_path / f"cell~{number}"
    assert (tmp_path / "cell~1" / "file").read_text() == "1"
    assert move_aside(RunFolder(tmp_path / "cell")) is None


def test_more_epochs_need_the_last_checkpoint(tmp_path: Path) -> None:
    run = folder(tmp_path, 5)
    run.last.unlink()
    assert find_state(run, certificate(), 5) is State.COMPLETE
    with pytest.raises(UserError, match=r"finished 5 epochs and kept no last\.ckpt to go on from; fresh=true"):
        find_state(run, certificate(), 9)


def test_a_claimed_folder_is_left_alone_and_its_owner_named(tmp_path: Path) -> None:
    run = folder(tmp_path, 5)
    lease = Lease(run.lease)
    assert lease.take(timeout=0)
    refusal = rf"cell is being worked on by process {os.getpid()}; wait for it, or end it \(running\.lock"
    with pytest.raises(UserError, match=refusal), claim_run(run):
        pass
    with pytest.raises(UserError, match=refusal):
        move_aside(run)
    lease.release()
    assert move_aside(run) == tmp_path / "cell~1"
    assert not (tmp_path / "cell~1" / run.lease.name).exists()


def test_a_claim_forgets_the_former_failure_and_ends_with_its_body(tmp_path: Path) -> None:
    run = folder(tmp_path, None)
    write_json(run.failure, {"reason": "no room"})
    with claim_run(run):
        assert run.lease.exists()
        assert not run.failure.exists()
    assert not run.lease.exists()


def test_a_folder_that_stayed_empty_is_taken_away(tmp_path: Path) -> None:
    with claim_run(RunFolder(tmp_path / "new")):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()


def test_waiting_for_a_claim_without_an_owner_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunFolder(tmp_path / "cell")
    run.path.mkdir()
    run.lease.touch()
    os.utime(run.lease, (0, 0))
    with claim_run(run):
        assert "running.lock has no living owner; waiting up to 65 s" in capsys.readouterr().out.replace("\n", " ")
