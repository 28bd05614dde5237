"""What a task of Slurm runs: one cell, in its own folder, in this very process.

It is unpickled before anything heavy is imported, so that a signal finds its handler within moments of the start.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_xai.experiments.cluster.queue import Ask, Unreachable, ask_slurm
from cxr_xai.signals import STOP, STOPPING, Handler, Interrupted


@dataclass(frozen=True)
class CellTask:
    """A composed cell, to be pickled.

    Attributes:
        settings: resolved.
        choices: the chosen member of each group.
        output: the file to which every start adds what it says.
    """

    settings: Mapping[str, Any]
    choices: Mapping[str, str]
    output: Path

    def __call__(self) -> None:
        """Run the cell: start, continue, or find it complete."""
        append_output(self.output)
        again = signal.getsignal(signal.SIGUSR2)  # submitit's, which queues the task again
        for signum in STOPPING:  # what stands before and after we listen: once asked, we are on our way out
            signal.signal(signum, signal.SIG_IGN)
        try:
            with STOP.listening():
                signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
                self._run()
        except Interrupted as stopped:
            hand_over(again, stopped)

    def _run(self) -> None:
        from cxr_xai.experiments.command import errors_end_in_a_line, explained

        with errors_end_in_a_line("train"), self._noted(), explained(self.settings):
            from cxr_xai.experiments.run import run_training

            run_training(self.settings, self.choices)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note an error in the folder: perhaps nobody waits for this task."""
        try:
            yield
        except Exception as error:
            from cxr_xai.artifacts.run_folder import RunFolder
            from cxr_xai.experiments.cluster.note import note_error

            note_error(RunFolder(self.output.parent), int(self.settings["trainer"]["max_epochs"]), error)
            raise

    def checkpoint(self) -> Any:
        """Return what runs when the task is queued again: the same, for the folder knows where it goes on."""
        from submitit.core.utils import DelayedSubmission

        return DelayedSubmission(self)


def append_output(path: Path) -> None:
    """Send what this process and its children say to the end of a file, headed by who says it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    if is_first():
        starts = int(os.environ.get("SLURM_RESTART_COUNT", "0")) + 1
        print(f"{HEAD} {own_task()}, start {starts}, on {socket.gethostname()}", flush=True)


HEAD = "--- task"
"""Begins the line that heads what one start says."""


def own_task() -> str:
    """Return the task of Slurm that this process belongs to, ``12_3``."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ.get("SLURM_JOB_ID", "?")


def is_first() -> bool:
    """Whether this is the first of the processes of a task."""
    return os.environ.get("SLURM_PROCID", "0") == "0"


def hand_over(again: Handler, stopped: Interrupted, runs: Callable[[], bool] | None = None) -> None:
    """End a task that was asked to stop and has saved: in the queue again, where ``again`` puts it.

    A task that is cancelled, or that Slurm has queued again by itself, is asked to stop by the same signals; only one
    that Slurm still counts as running may queue itself, or it would rise from the dead, or run twice. Records of
    loggers are closed by now: Slurm ends all processes of a task as soon as it is queued again.
    """
    if not is_first():
        sys.exit(0)  # the first process speaks for all; another status would count as a failure of the whole task
    print(stopped, file=sys.stderr)
    if callable(again) and (runs or still_runs)():
        again(stopped.signum, None)
    sys.exit(128 + stopped.signum)


def still_runs(ask: Ask = ask_slurm) -> bool:
    """Whether Slurm counts this task as running: not as cancelled, timed out or already queued again.

    Its name is that of the task, for ``SLURM_JOB_ID`` of the last task of an array is the number of the whole array.
    """
    command = ("squeue", "--noheader", f"--jobs={own_task()}", "--format=%T")
    try:
        return ask(command).stdout.strip() == "RUNNING"
    except Unreachable:
        return False
