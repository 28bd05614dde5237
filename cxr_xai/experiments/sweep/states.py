"""Waiting, queued, running, cut off, failed, pruned, finished: what a cell is, from its folder alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.files import read_json
from cxr_xai.lease import Owner, find_owner


class CellState(Enum):
    """Where a cell stands."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    CUT_OFF = "cut off"
    FAILED = "failed"
    PRUNED = "pruned"
    FINISHED = "finished"


@dataclass(frozen=True)
class Status:
    """What is known of a cell.

    Attributes:
        state: where it stands.
        progress: of ``progress.json``; empty before the first step.
        reason: why it failed, or waits in a queue.
        owner: who runs it.
    """

    state: CellState
    progress: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    owner: Owner | None = None


def read_status(folder: RunFolder, epochs: int | None = None) -> Status:
    """Look into a run folder, which need not exist.

    Args:
        folder: of the run.
        epochs: how many are wanted; a run that finished with fewer is cut off, for it is to go on. None takes any.
    """
    progress = _read(folder.progress)
    if (owner := find_owner(folder.lease)) is not None:
        return Status(CellState.RUNNING, progress, owner=owner)
    if failure := _read(folder.failure):  # before the summary: what failed may be the report, which comes after it
        return Status(CellState.FAILED, progress, reason=failure["reason"])
    summary = _read(folder.summary)
    if summary and (epochs is None or summary["max_epochs"] >= epochs or summary["stopped_early"]):
        return Status(CellState.FINISHED, progress)
    if not summary and _read(folder.pruned):
        return Status(CellState.PRUNED, progress)
    started = summary or progress or folder.certificate.is_file()
    return Status(CellState.CUT_OFF if started else CellState.WAITING, progress)


def read_statuses(record: Mapping[str, Any], home: Path) -> list[Status]:
    """Look into the folders of all cells of ``sweep.json``."""
    return [read_status(RunFolder(home / cell["folder"]), cell["epochs"]) for cell in record["cells"]]


def _read(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds; files are replaced whole, so one that is gone is the only surprise."""
    try:
        found: dict[str, Any] = read_json(path)
    except (OSError, json.JSONDecodeError):
        return {}
    return found
