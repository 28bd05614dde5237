"""Sending what was recorded offline."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cxr_xai.errors import UserError
from cxr_xai.loggers.wandb_records import is_waiting, list_logs, mend_logs


def list_waiting(folders: Sequence[Path]) -> list[Path]:
    """Return the records that were not sent yet, in the order of their start within each folder."""
    return [path.parent for folder in folders for path in list_logs(folder) if is_waiting(path)]


def send(folders: Sequence[Path], entity: str | None, project: str) -> int:
    """Send every record that waits, all of them by one call, and return how many there were.

    The records of one run go one after the other, by their start; those of different runs side by side. What was sent
    is marked, so that sending again sends what is new: a run that goes on begins another record.

    Args:
        folders: in which no process writes: a record that grew after it was sent would repeat its rows if sent again,
            and ends that are being written would be cut off.
        entity: who owns the project; None is whoever the key is of.
        project: name of the W&B project.

    Raises:
        UserError: W&B did not take them; what was sent stays sent.
    """
    for folder in folders:
        mend_logs(folder)
    waiting = list_waiting(folders)
    if not waiting:
        return 0
    owner = [] if entity is None else ["--entity", entity]
    command = [sys.executable, "-m", "wandb", "sync", "--project", project, *owner]
    command += map(str, waiting)
    program = {"WANDB_PROGRAM": "train.py"}  # else the client says by which path it was called
    done = subprocess.run(command, env={**os.environ, **program}, capture_output=True, text=True, check=False)
    left = list_waiting(folders)
    if done.returncode or left:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(
            f"{len(left)} of {len(waiting)} records were not sent: {said[-1] if said else 'no reason was given'}"
        )
    return len(waiting)
