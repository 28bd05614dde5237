"""What a cell is, from its folder alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.state import claim_run
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.files import write_json
from cxr_xai.lease import Lease

PROGRESS = {"step": 3, "steps": 6}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "cell")


def test_nothing_is_waiting(folder: RunFolder) -> None:
    assert read_status(folder).state is CellState.WAITING


def test_output_alone_is_waiting(folder: RunFolder) -> None:
    folder.path.mkdir()
    folder.output.write_text("starting")
    assert read_status(folder).state is CellState.WAITING


def test_progress_without_an_owner_was_cut_off(folder: RunFolder) -> None:
    write_json(folder.progress, PROGRESS)
    status = read_status(folder)
    assert (status.state, status.progress) == (CellState.CUT_OFF, PROGRESS)


def test_a_claim_is_running_whatever_else_is_there(folder: RunFolder) -> None:
    folder.write_summary({"max_epochs": 2, "stopped_early": False})
    lease = Lease(folder.lease)
    assert lease.take(timeout=0)
    status = read_status(folder)
    lease.release()
    assert (status.state, status.owner and status.owner.pid) == (CellState.RUNNING, os.getpid())
    assert read_status(folder).state is CellState.FINISHED


def test_the_claim_of_a_dead_process_is_none(folder: RunFolder) -> None:
    code = "import os; from cxr_xai.lease import Lease; from pathlib import Path; lease = Lease(Path({!r}))"
    code = code.format(str(folder.lease)) + "; assert lease.take(timeout=0); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert folder.lease.is_file()
    assert read_status(folder).state is CellState.WAITING


def test_a_reason_is_failed_until_it_is_taken_away(folder: RunFolder) -> None:
    write_json(folder.progress, PROGRESS)
    write_json(folder.failure, {"reason": "no room", "exit_code": 1})
    assert (read_status(folder).state, read_status(folder).reason) == (CellState.FAILED, "no room")
    folder.write_summary({"max_epochs": 2, "stopped_early": False})
    assert read_status(folder).state is CellState.FAILED, "of writing the report"
    folder.failure.unlink()  # the next that works there does it
    assert read_status(folder).state is CellState.FINISHED


@pytest.mark.parametrize(
    ("stopped", "wanted", "state"),
    [
        (False, None, CellState.FINISHED),
        (False, 2, CellState.FINISHED),
        (False, 3, CellState.CUT_OFF),
        (True, 3, CellState.FINISHED),
    ],
)
def test_more_epochs_are_still_to_come(folder: RunFolder, stopped: bool, wanted: int | None, state: CellState) -> None:
    folder.write_summary({"max_epochs": 2, "stopped_early": stopped})
    assert read_status(folder, wanted).state is state


def test_a_torn_file_is_no_reason_to_stop(folder: RunFolder) -> None:
    folder.path.mkdir()
    folder.progress.write_text('{"step"')
    assert read_status(folder).state is CellState.WAITING


def test_a_trial_that_was_stopped_is_pruned_until_it_is_trained_on(folder: RunFolder) -> None:
    write_json(folder.progress, PROGRESS)
    write_json(folder.pruned, {"trial": 3, "epoch": 1})
    assert read_status(folder).state is CellState.PRUNED
    with claim_run(folder):
        assert not folder.pruned.exists()
    write_json(folder.pruned, {"trial": 3, "epoch": 1})
    folder.write_summary({"max_epochs": 2, "stopped_early": False})
    assert read_status(folder).state is CellState.FINISHED
