"""Which task runs which cell, and what the queue adds to what a folder says."""

import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cluster.queue import WIDTH, Queue
from cxr_xai.experiments.cluster.tasks import FILE, note_submitted, read_cells, read_submitted
from cxr_xai.experiments.sweep.show import summarize_states
from cxr_xai.experiments.sweep.states import CellState
from cxr_xai.files import read_json, write_json


def test_tasks_are_added_and_replaced(tmp_path: Path) -> None:
    assert read_submitted(tmp_path) == {}
    note_submitted(tmp_path, {"a": "7_0", "b": "7_1"})
    note_submitted(tmp_path, {"b": "9"})
    assert read_submitted(tmp_path) == {"a": "7_0", "b": "9"}
    assert read_json(tmp_path / FILE)["schema_version"] == 1
    (tmp_path / FILE).write_text("{")
    assert read_submitted(tmp_path) == {}


def record(*folders: str) -> dict[str, Any]:
    return {"cells": [{"folder": folder, "epochs": 2} for folder in folders]}


@pytest.mark.parametrize(
    ("state", "wanted", "reason"),
    [
        ("PENDING", CellState.QUEUED, "task 7_0 waits (Priority)"),
        ("RUNNING", CellState.QUEUED, "task 7_0 starts"),
        ("OUT_OF_MEMORY", CellState.FAILED, "task 7_0: killed: out of memory; raise hydra.launcher.mem, or lower the"),
        ("COMPLETED", CellState.WAITING, ""),
    ],
)
def test_the_queue_speaks_of_cells_that_nobody_works_on(
    tmp_path: Path, state: str, wanted: CellState, reason: str
) -> None:
    asked: list[str] = []

    def ask(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        asked.append(command[-1])
        line = "".join(value.ljust(WIDTH) for value in ("7", "0", state, "0", "N/A")) + "Priority"
        return subprocess.CompletedProcess(command, 0, line, "")

    note_submitted(tmp_path, {"queued": "7_0", "done": "8_0"})
    RunFolder(tmp_path / "done").write_summary({"max_epochs": 2, "stopped_early": False})
    queued, done, foreign = read_cells(record("queued", "done", "foreign"), tmp_path, Queue(ask=ask))
    assert (queued.state, queued.reason[: len(reason)]) == (wanted, reason)
    assert (done.state, foreign.state) == (CellState.FINISHED, CellState.WAITING)
    assert asked[0] == "--jobs=7", "nobody asks for what is finished"
    assert "1 finished" in summarize_states([queued, done])


def test_a_failure_that_was_noted_keeps_its_reason_and_no_slurm_is_no_news(tmp_path: Path) -> None:
    note_submitted(tmp_path, {"cell": "7_0"})
    write_json(RunFolder(tmp_path / "cell").failure, {"reason": "no films", "exit_code": 1})

    def missing(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        line = "".join(value.ljust(WIDTH) for value in ("7", "0", "FAILED", "256", "N/A")) + "None"
        return subprocess.CompletedProcess(command, 0, line, "")

    [status] = read_cells(record("cell"), tmp_path, Queue(ask=missing))
    assert (status.state, status.reason) == (CellState.FAILED, "no films")


@pytest.mark.parametrize(("later", "wanted"), [(3600, CellState.CUT_OFF), (-1, CellState.FAILED)])
def test_the_end_of_a_task_is_old_news_where_another_trained_since(
    tmp_path: Path, later: float, wanted: CellState
) -> None:
    note_submitted(tmp_path, {"cell": "7_0"})
    folder = RunFolder(tmp_path / "cell")
    write_json(folder.progress, {"step": 3})
    ended = datetime.fromtimestamp(folder.progress.stat().st_mtime - later).isoformat(timespec="seconds")

    def ask(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        line = "".join(value.ljust(WIDTH) for value in ("7", "0", "OUT_OF_MEMORY", "0", ended)) + "None"
        return subprocess.CompletedProcess(command, 0, line, "")

    [status] = read_cells(record("cell"), tmp_path, Queue(ask=ask))
    assert status.state is wanted
