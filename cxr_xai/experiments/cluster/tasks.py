"""``<outputs>/<name>/slurm.json``: which task of Slurm runs which cell, so that the same command joins it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cluster.queue import Queue, Task, explain_state
from cxr_xai.experiments.sweep.states import CellState, Status, read_statuses
from cxr_xai.files import read_json, write_json

FILE = "slurm.json"
SETTLED = (CellState.FINISHED, CellState.RUNNING)
"""What a folder says by itself, whatever stands in the queue."""

LAG = 30.0
"""Seconds by which clocks of nodes may differ, and Slurm may take longer to see an end."""

QUEUE = Queue()
"""One look serves all who ask within some seconds."""


def read_submitted(home: Path) -> dict[str, str]:
    """Return the last task of each cell, by the name of its folder; empty where nothing was submitted."""
    try:
        found = read_json(home / FILE)
        return {folder: entry["task"] for folder, entry in found["cells"].items()}
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        return {}


def read_epochs(home: Path) -> dict[str, int]:
    """Return the epochs that the last task of each cell was asked for, as far as they were noted."""
    if not read_submitted(home):
        return {}
    return {folder: entry["epochs"] for folder, entry in read_json(home / FILE)["cells"].items() if "epochs" in entry}


def note_submitted(home: Path, tasks: Mapping[str, str], epochs: Mapping[str, int] | None = None) -> None:
    """Add tasks, in place of earlier ones of the same cells, and the epochs that they were asked for."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    old: dict[str, Any] = read_json(home / FILE)["cells"] if read_submitted(home) else {}
    asked = {} if epochs is None else {folder: {"epochs": epochs[folder]} for folder in tasks}
    new = {folder: {"task": task, "submitted": at, **asked.get(folder, {})} for folder, task in tasks.items()}
    write_json(home / FILE, {"schema_version": 1, "cells": {**old, **new}})


def read_cells(record: Mapping[str, Any], home: Path, queue: Queue = QUEUE) -> list[Status]:
    """Look into the folders of all cells of ``sweep.json``, and into the queue for those that nobody works on.

    Args:
        record: of the sweep.
        home: its folder.
        queue: is asked once, where anything was submitted.
    """
    statuses, submitted = read_statuses(record, home), read_submitted(home)
    tasks = [submitted.get(cell["folder"]) for cell in record["cells"]]
    asked = [task for task, status in zip(tasks, statuses, strict=True) if task and status.state not in SETTLED]
    known = queue.look(asked) if asked else {}
    return [
        _join(status, task, known.get(task), RunFolder(home / cell["folder"]))
        if task and status.state not in SETTLED
        else status
        for status, task, cell in zip(statuses, tasks, record["cells"], strict=True)
    ]


def _join(status: Status, task: str, found: Task | None, folder: RunFolder) -> Status:
    if found is None:
        return status
    if found.alive:
        said = f"task {task} starts" if not found.waits else f"task {task} waits ({found.reason or found.state})"
        return replace(status, state=CellState.QUEUED, reason=said)
    if status.state is CellState.FAILED or found.state == "COMPLETED" or _went_on(folder, found):
        return status
    return replace(status, state=CellState.FAILED, reason=f"task {task}: {explain_state(found) or 'failed'}")


def _went_on(folder: RunFolder, found: Task) -> bool:
    """Whether somebody trained in a folder after its task had ended, so that its end is old news."""
    try:
        return found.ended is not None and folder.progress.stat().st_mtime > found.ended + LAG
    except OSError:
        return False
