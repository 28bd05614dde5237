"""A task that failed speaks for its cell only where no other has the last word."""

from pathlib import Path

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.cluster.note import note_end
from cxr_xai.experiments.cluster.task import CellTask
from cxr_xai.files import read_json
from cxr_xai.lease import Lease

REFUSED = "error: cell is being worked on by process 7; wait for it.\n"


def test_a_task_that_found_the_cell_at_work_or_finished_notes_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "cell")
    lease = Lease(folder.lease)
    assert lease.take(timeout=0)
    folder.output.write_text(REFUSED)
    note_end(folder, 2, 1, 0)
    assert not folder.failure.exists(), "the other start goes on"
    lease.release()
    folder.write_summary({"max_epochs": 2, "stopped_early": False})
    folder.report.touch()
    note_end(folder, 2, 1, 0)
    assert not folder.failure.exists(), "the other start has finished it"
    note_end(folder, 4, 1, 0)
    assert read_json(folder.failure)["reason"].startswith("cell is being worked on"), "of more epochs it has not"


def test_a_task_notes_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: object, choices: object) -> None:
        raise UserError("no films; unpack some.")

    monkeypatch.setattr("cxr_xai.experiments.run.run_training", broken)
    folder = RunFolder(tmp_path / "cell")
    with pytest.raises(SystemExit):
        CellTask({"trainer": {"max_epochs": 2}}, {}, folder.output)._run()
    assert read_json(folder.failure)["reason"] == "no films; unpack some."


def test_a_report_that_failed_is_a_failure(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "cell")
    folder.path.mkdir()
    folder.write_summary({"max_epochs": 2, "stopped_early": False})
    folder.output.write_text("error: of the first start\nerror: no room\n")
    note_end(folder, 2, 1, folder.output.stat().st_size - len("error: no room\n"))
    assert read_json(folder.failure)["reason"] == "no room"
