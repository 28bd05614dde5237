"""Tables that fit a terminal of 80 columns."""

import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.sweep import show
from cxr_xai.experiments.sweep.launch import Job
from cxr_xai.experiments.sweep.show import Terminal, cell_table, reasons
from cxr_xai.experiments.sweep.states import CellState, Status

PROGRESS: dict[str, Any] = {
    "step": 3,
    "steps": 6,
    "epoch": 1,
    "epochs": 2,
    "monitor": "val/loss",
    "best": 0.25,
    "pace": 60.0,
    "updated": 0.0,
}


def record(count: int) -> dict[str, Any]:
    cell = {"arm": "class_weights", "fold": 0, "seed": 0, "axes": {"model": "densenet121"}, "epochs": 2}
    cells = [{**cell, "fold": number, "folder": f"cell{number}"} for number in range(count)]
    return {"ablation": "balancing", "cells": cells}


def text(shown: Any) -> str:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(shown)
        return console.export_text()


def test_states_progress_and_time_left() -> None:
    running = Status(CellState.RUNNING, {**PROGRESS, "updated": time.time()})
    finished = Status(CellState.FINISHED, {**PROGRESS, "step": 6, "epoch": 2})
    said = text(cell_table(record(3), [finished, running, Status(CellState.WAITING)]))
    assert "balancing: 1 finished, 1 running, 1 waiting" in said
    lines = [line.split() for line in said.splitlines() if "densenet121" in line]
    assert lines[0] == ["class_weights", "densenet121", "0", "0", "finished", "2/2", "100%", "0.2500"]
    assert lines[1][:8] == ["class_weights", "densenet121", "1", "0", "running", "1/2", "50%", "0.2500"]
    assert " ".join(lines[1][8:]) in ("3 min", "2 min")
    assert lines[2] == ["class_weights", "densenet121", "2", "0", "waiting"]
    assert "best: val/loss" in said
    assert max(map(len, said.splitlines())) <= 80


def test_more_epochs_are_shown_as_still_to_come() -> None:
    wanted = record(1)
    wanted["cells"][0]["epochs"] = 4
    said = text(cell_table(wanted, [Status(CellState.CUT_OFF, {**PROGRESS, "epoch": 2})]))
    assert "2/4" in said


def test_where_there_is_no_room_idle_cells_are_counted() -> None:
    statuses = [Status(CellState.FINISHED, PROGRESS)] * 30 + [Status(CellState.FAILED, reason="no")]
    said = text(cell_table(record(31), statuses, height=20))
    assert said.count("class_weights") == 1
    assert "30 more cells are not shown" in said


def test_a_failure_is_named_with_its_reason_and_its_log(tmp_path: Path) -> None:
    said = text(reasons(record(1), [Status(CellState.FAILED, reason="no [room] left")], tmp_path))
    assert "class_weights densenet121 fold 0 seed 0: no [room] left" in said
    assert "output.log" in said.replace("\n", "")


def test_a_line_per_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(show, "console", Console(width=200))
    job = Job("smote fold 1", [], RunFolder(tmp_path / "cell"), 2)
    with Terminal(2) as terminal:
        terminal.event("elsewhere", job, "process 7")
        terminal.event("started", job)
        terminal.tick([job], 1)
        terminal.event("failed", job, "no films; unpack some.")
    lines = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "wait   smote fold 1: process 7 runs it; looked at again later",
        "start  smote fold 1",
        "failed smote fold 1 (1 of 2): no films; unpack some.",
    ]
