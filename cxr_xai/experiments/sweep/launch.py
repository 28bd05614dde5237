"""Runs cells on this machine, each as a process of its own: what one of them breaks stays with it.

Processes and not threads or forks, because a training over several devices starts the script again for each of them.
A cell holds the claim on its folder itself; here it is only looked at.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.files import write_json
from cxr_xai.signals import Interrupted

POLL = 0.5
"""Seconds between looks at processes and claims."""
ERROR_LINE = re.compile(r"^(error: .+|[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)(: .*)?)$")

OF_TASK = re.compile(r"SLURM_(PROCID|LOCALID|NODEID|GTIDS|TASK_PID|NTASKS|NPROCS|TASKS_PER_NODE|STEP)")
"""Begins the names of what differs between the tasks of a step of Slurm, or counts them."""


@dataclass(frozen=True)
class Job:
    """One cell to run.

    Attributes:
        label: what a person calls it.
        overrides: arguments of the script.
        folder: where it runs.
        epochs: that it must reach to be finished.
    """

    label: str
    overrides: Sequence[str]
    folder: RunFolder
    epochs: int


class Reporter(Protocol):
    """Who tells the person."""

    def event(self, what: str, job: Job, note: str = "") -> None:
        """Something happened: ``started``, ``finished``, ``failed``, ``pruned``, ``elsewhere``, ``stopping``.

        On a cluster also ``queued``, and ``again`` for what is queued after it was running.
        """

    def tick(self, running: Sequence[Job], waiting: int) -> None:
        """Nothing happened for a moment."""


@dataclass(frozen=True)
class Running:
    """A process at work.

    Attributes:
        job: its cell.
        process: the leader of a session of its own, so that Ctrl-C reaches it through us alone.
        offset: where its output begins in ``output.log``.
    """

    job: Job
    process: "subprocess.Popen[bytes]"
    offset: int


def run_jobs(jobs: Sequence[Job], command: Sequence[str], parallel: int, reporter: Reporter) -> None:
    """Run jobs in order, ``parallel`` at a time, until each is finished or has failed.

    A job that another process runs is left to it, and looked at again until it is done or its owner is gone.

    Args:
        jobs: unfinished cells.
        command: the program and script that take a job's overrides.
        parallel: most processes at a time.
        reporter: told what happens.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; all processes were asked to save and have ended.
        Interrupted: SIGUSR1, likewise.
    """
    queue, running, elsewhere = list(jobs), list[Running](), set[str]()
    with sigterm_interrupts():
        try:
            while queue or running:
                for job in list(queue):
                    if len(running) >= parallel:
                        break
                    status = read_status(job.folder, job.epochs)
                    if status.state is CellState.FINISHED:
                        queue.remove(job)
                        reporter.event("finished", job, "elsewhere")
                    elif status.state is not CellState.RUNNING:
                        queue.remove(job)
                        running.append(start_job(job, command))
                        reporter.event("started", job)
                    elif job.label not in elsewhere:
                        elsewhere.add(job.label)
                        reporter.event("elsewhere", job, str(status.owner))
                reporter.tick([entry.job for entry in running], len(queue))
                time.sleep(POLL)
                for entry in [entry for entry in running if entry.process.poll() is not None]:
                    running.remove(entry)
                    if end_job(entry, reporter):
                        queue.append(entry.job)
        except BaseException:  # whatever ends us, nobody would look after them
            stop_jobs(running, reporter)
            raise


def start_job(job: Job, command: Sequence[str]) -> Running:
    """Start a process whose output is added to ``output.log``."""
    job.folder.path.mkdir(parents=True, exist_ok=True)
    with job.folder.output.open("ab") as output:
        process = subprocess.Popen(
            [*command, *job.overrides],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=drop_task(os.environ),
        )
        return Running(job, process, output.tell())


def drop_task(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what ``srun`` says of our own task: a cell is a run of its own, not a rank of it.

    >>> drop_task({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_JOB_ID": "12"})
    {'SLURM_JOB_ID': '12'}
    """
    return {name: value for name, value in environ.items() if not OF_TASK.match(name)}


def end_job(entry: Running, reporter: Reporter) -> bool:
    """Settle a process that ended; return whether its job is to be looked at again, since another took it first."""
    job, code = entry.job, entry.process.returncode
    status = read_status(job.folder, job.epochs)
    if status.state is CellState.FINISHED and code == 0:
        reporter.event("finished", job)
        return False
    if status.state is CellState.RUNNING:
        return True
    reason = explain_end(code, entry)
    record_failure(job.folder, reason, code)
    reporter.event("failed", job, reason)
    return False


def record_failure(folder: RunFolder, reason: str, code: int) -> None:
    """Write ``failure.json``; the next process that claims the folder deletes it.

    On a full disk nothing is written: the sweep goes on, and the cell counts as cut off.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        write_json(folder.failure, {"reason": reason, "exit_code": code, "at": at})


def explain_end(code: int, entry: Running) -> str:
    """Return why a process ended: the signal that killed it, or the last error that it printed."""
    if code < 0:
        hint = "; was there enough memory?" if -code == signal.SIGKILL else ""
        return f"killed by {signal.Signals(-code).name}{hint}"
    with entry.job.folder.output.open("rb") as file:
        file.seek(entry.offset)
        return last_words(file.read().decode(errors="replace"), code)


def last_words(text: str, code: int) -> str:
    """Return the last error in what a process said, or its last line; ``code`` is the status that it ended with.

    >>> last_words("error: no films; unpack some.", 1), last_words("epoch 3", 0)
    ('no films; unpack some.', 'ended without a result: epoch 3')
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if ERROR_LINE.match(line)]
    last = (errors or lines or [f"exit code {code} without a word"])[-1]
    return last.removeprefix("error: ") if code else f"ended without a result: {last}"


def stop_jobs(running: Sequence[Running], reporter: Reporter) -> None:
    """Ask processes to save and wait for them; a second Ctrl-C kills them."""
    for entry in running:
        entry.process.terminate()
        reporter.event("stopping", entry.job)
    try:
        for entry in running:
            entry.process.wait()
    except (KeyboardInterrupt, Interrupted):
        for entry in running:
            if entry.process.poll() is None:
                os.killpg(entry.process.pid, signal.SIGKILL)
                entry.process.wait()


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C: cells are asked to save either way."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before: Callable[[int, Any], Any] | int | None = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
