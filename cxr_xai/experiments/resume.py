"""Where a run that was cut goes on, and what is taken back so that it can."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.checkpoint import UnusableCheckpoint, read_checkpoint
from cxr_xai.artifacts.history import cut_history
from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import Parts
from cxr_xai.experiments.terminal import console
from cxr_xai.files import remove_partials
from cxr_xai.loggers.csv import MetricsCsv


@dataclass(frozen=True)
class Found:
    """A checkpoint to go on from.

    Attributes:
        path: of the file.
        epoch: the one that goes on, or begins; so many are finished.
        step: optimizer steps taken.
        logged: bytes that ``metrics.csv`` had.
        seconds: that training took so far.
    """

    path: Path
    epoch: int
    step: int
    logged: int
    seconds: float


def find_checkpoint(parts: Parts) -> Found | None:
    """Return the last usable checkpoint; None where there is none and nothing is lost by starting anew.

    Raises:
        UserError: there is none, but there was work; the run is further than ``trainer.max_epochs``; or it was cut in
            mid-epoch over another number of processes.
    """
    folder, problems = parts.folder, list[UnusableCheckpoint]()
    for path in (folder.last, folder.previous):
        try:
            checkpoint = _read(path, parts)
        except UnusableCheckpoint as problem:
            problems.append(problem)
            continue
        for reason in problems:
            console.print(f"{folder.checkpoints}: {reason}; going on from {path.name}", style="yellow", soft_wrap=True)
        progress = checkpoint["progress"]
        found = Found(path, checkpoint["epoch"], checkpoint["global_step"], progress["logged"], progress["seconds"])
        console.print(f"continuing after {found.step:,} steps, {found.epoch} finished epochs")
        _require_room(parts, found)
        _require_same_processes(parts, checkpoint)
        return found
    if folder.last.is_file() or folder.previous.is_file() or _was_further(parts):
        raise UserError(
            f"{folder.checkpoints}: {' and '.join(map(str, problems))}, so the run cannot go on; "
            "fresh=true moves it aside and starts anew."
        )
    return None


def _read(path: Path, parts: Parts) -> dict[str, Any]:
    checkpoint = read_checkpoint(path, parts.identity, parts.module.state_dict())
    if "progress" not in checkpoint:
        raise UnusableCheckpoint(f"{path.name} holds weights only")
    return checkpoint


def _was_further(parts: Parts) -> bool:
    """Whether an epoch was finished, after which there must have been a checkpoint."""
    folder = parts.folder
    if folder.summary.is_file():
        return True
    return folder.metrics.is_file() and bool((folder.read_metrics()["epoch"] > 0).any())


def _require_room(parts: Parts, found: Found) -> None:
    limit = parts.trainer.max_epochs
    if limit is not None and 0 <= limit < found.epoch:
        raise UserError(
            f"{parts.folder.path} has {found.epoch} finished epochs and trainer.max_epochs={limit}; "
            f"use trainer.max_epochs={found.epoch} or more, or fresh=true to start anew."
        )


def _require_same_processes(parts: Parts, checkpoint: dict[str, Any]) -> None:
    """Each process has its share of an epoch, so within one their number stays."""
    counts = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
    before, now = len(checkpoint["progress"]["random"]), parts.trainer.world_size
    if counts["ready"] > counts["completed"] and before != now:
        raise UserError(
            f"{parts.folder.path} was cut in mid-epoch with {before} processes, and now there are {now}; "
            f"use trainer.devices for {before} until the epoch is over, or fresh=true to start anew."
        )


def go_back(parts: Parts, found: Found | None) -> None:
    """Drop what was logged since, what was drawn and stored of the epoch that goes on, and what a kill left half."""
    if found is not None and found.path != parts.folder.last:
        parts.folder.last.unlink(missing_ok=True)  # or it would take the place of the one that can be used
    remove_partials(parts.folder.path)
    cut_history(parts.folder, 0 if found is None else found.epoch)
    for logger in parts.loggers:
        if isinstance(logger, MetricsCsv):
            logger.cut(0 if found is None else found.logged)


def read_best(parts: Parts) -> dict[str, Any]:
    """Return the best weights.

    Raises:
        UserError: they cannot be read, and without them training was in vain.
    """
    try:
        return read_checkpoint(parts.folder.best, parts.identity, parts.module.state_dict())
    except UnusableCheckpoint as problem:
        raise UserError(
            f"{parts.folder.checkpoints}: {problem}, and only training makes it again; "
            "fresh=true moves the run aside and starts anew."
        ) from problem
