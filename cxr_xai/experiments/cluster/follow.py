"""Wait for tasks of Slurm, cell by cell, until each has finished or has failed."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cxr_xai.experiments.cluster.queue import Task, Unreachable, explain_state, read_tasks
from cxr_xai.experiments.cluster.task import HEAD
from cxr_xai.experiments.sweep.launch import Job, Reporter, last_words, record_failure
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.experiments.terminal import console

LOOKS = 3
"""Looks at which a task must be gone, or done without a result: queues and shared disks lag behind."""


@dataclass(frozen=True)
class Submitted:
    """A cell and the task that runs it.

    Attributes:
        job: the cell.
        task: Slurm's name for it; None where another process works in the folder.
    """

    job: Job
    task: str | None


class Follower:
    """Looks at tasks and tells what happens to them.

    Args:
        submitted: to be waited for.
        reporter: is told.
        ask: what is known of tasks.
    """

    def __init__(
        self,
        submitted: Sequence[Submitted],
        reporter: Reporter,
        ask: Callable[[Sequence[str]], Mapping[str, Task]] = read_tasks,
    ) -> None:
        self.left = list(submitted)
        self.reporter, self.ask = reporter, ask
        self._said: dict[str, str] = {}
        self._gone: Counter[str] = Counter()
        self._silent = False

    def wait(self, poll: float) -> None:
        """Look every ``poll`` seconds until nothing is left."""
        while self.left:
            self.look()
            if self.left:
                time.sleep(poll)

    def look(self) -> None:
        """Look once, and settle what has ended."""
        try:
            known = self.ask([entry.task for entry in self.left if entry.task])
        except Unreachable as error:  # a controller that restarts; the tasks go on without it
            if not self._silent:
                console.print(f"Slurm does not answer ({error}); asked again.", style="yellow", soft_wrap=True)
            self._silent = True
            return
        self._silent = False
        self.left = [entry for entry in self.left if not self._settle(entry, known.get(entry.task or ""))]
        running = [entry.job for entry in self.left if self._said.get(entry.job.label) == "started"]
        self.reporter.tick(running, len(self.left) - len(running))

    def _settle(self, entry: Submitted, task: Task | None) -> bool:
        """Tell what has changed; return whether the cell has ended."""
        job = entry.job
        if task is not None and task.alive:
            self._gone.pop(job.label, None)
            self._tell(job, "queued" if task.waits else "started", _note(entry, task))
            return False
        status = read_status(job.folder, job.epochs)
        if status.state is CellState.RUNNING:
            self._tell(job, "elsewhere", str(status.owner))
            return False
        if status.state is CellState.FINISHED and (task is None or task.state == "COMPLETED"):
            self.reporter.event("finished", job)
            return True
        if task is None or task.state == "COMPLETED":
            self._gone[job.label] += 1
            if self._gone[job.label] < LOOKS:
                return False
        reason = explain(entry, task, status.reason)
        record_failure(job.folder, reason, 0 if task is None else 1)
        self.reporter.event("failed", job, reason)
        return True

    def _tell(self, job: Job, what: str, note: str) -> None:
        before = self._said.get(job.label)
        if before != what:
            self._said[job.label] = what
            self.reporter.event("again" if (before, what) == ("started", "queued") else what, job, note)


def _note(entry: Submitted, task: Task) -> str:
    reason = f", {task.reason}" if task.waits and task.reason not in ("", "None") else ""
    return f"task {entry.task}{reason}"


def explain(entry: Submitted, task: Task | None, noted: str = "") -> str:
    """Say why a cell did not finish: in Slurm's words, or in its own last ones.

    Args:
        entry: the cell.
        task: what Slurm knows of it; None for nothing.
        noted: a reason that stands in its folder already.
    """
    if entry.task is None:
        return noted or "another process worked on it and stopped; the same command submits it"
    if (said := explain_state(task)) and task is not None:
        return f"{said} (task {entry.task})"
    words = last_words(_last_start(entry), 1 if task is None or task.state != "COMPLETED" else 0)
    return f"{said}; its last words: {words}" if said else words


def _last_start(entry: Submitted) -> str:
    """Return what the last start said; nothing where it did not get that far."""
    try:
        text = entry.job.folder.output.read_text(errors="replace")
    except OSError:
        return ""
    before, _, after = text.rpartition(HEAD)
    return after.partition("\n")[2] if before or after else ""
