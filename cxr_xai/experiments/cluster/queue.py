"""What Slurm knows of tasks: of the queue first, of accounting where the queue has forgotten them."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

WAITS = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD")
WORKS = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT")
REASONS = {
    "OUT_OF_MEMORY": "killed: out of memory; raise hydra.launcher.mem, or lower the batch size",
    "TIMEOUT": "ran into its time limit before it could save; raise hydra.launcher.time or signal_delay_s",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "DEADLINE": "its deadline passed",
    "PREEMPTED": "preempted, and this cluster did not queue it again",
    "REVOKED": "revoked by the cluster",
    "CANCELLED": "cancelled",
}
"""Why a task ended, by Slurm's word for it; ``FAILED`` and ``COMPLETED`` say it in their output."""

WIDTH = 24
SQUEUE = (
    *("squeue", "--noheader", "--array", "--states=all"),
    f"--Format=ArrayJobID:{WIDTH},ArrayTaskID:{WIDTH},State:{WIDTH},exit_code:{WIDTH},EndTime:{WIDTH},Reason:60",
)
SACCT = ("sacct", "--noheader", "--allocations", "--parsable2", "--format=JobID,State,ExitCode,End")
ANSWER_WITHIN = 60.0
"""Seconds for an answer: a busy controller takes its time."""

Ask = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Task:
    """What Slurm says of one task.

    Attributes:
        state: its word, ``PENDING``.
        reason: why it waits, as far as it does.
        killed: whether by SIGKILL, which leaves no last words.
        ended: when, in seconds as files have them; None where Slurm does not say.
    """

    state: str
    reason: str = ""
    killed: bool = False
    ended: float | None = None

    @property
    def waits(self) -> bool:
        """Whether it is yet to start, or to start again."""
        return self.state in WAITS

    @property
    def alive(self) -> bool:
        """Whether something may still come of it."""
        return self.waits or self.state in WORKS


class Unreachable(Exception):
    """Slurm does not answer."""


def ask_slurm(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run one of Slurm's commands.

    Raises:
        Unreachable: it is missing, or took too long.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreachable(str(error)) from error


def read_tasks(tasks: Iterable[str], ask: Ask = ask_slurm) -> dict[str, Task]:
    """Return what is known of tasks (``12_3``, or ``12`` for a job without an array).

    Tasks that neither queue nor accounting knows are left out: they ended some time ago, or never were.

    Raises:
        Unreachable: the queue cannot be asked.
    """
    wanted = set(tasks)
    if not wanted:
        return {}
    numbers = ",".join(sorted({task.partition("_")[0] for task in wanted}))
    done = ask([*SQUEUE, f"--jobs={numbers}"])
    if done.returncode and "Invalid job id" not in done.stderr:
        raise Unreachable(done.stderr.strip() or f"squeue ended with {done.returncode}")
    known = read_squeue(done.stdout) if not done.returncode else {}
    if forgotten := wanted - known.keys():
        known |= {task: found for task, found in _ask_accounting(numbers, ask).items() if task in forgotten}
    return {task: found for task, found in known.items() if task in wanted}


def _ask_accounting(numbers: str, ask: Ask) -> dict[str, Task]:
    """Ask for what the queue has forgotten; nothing is known where there is no accounting."""
    try:
        done = ask([*SACCT, f"--jobs={numbers}"])
    except Unreachable:
        return {}
    return read_sacct(done.stdout) if not done.returncode else {}


def read_squeue(text: str) -> dict[str, Task]:
    """Read the table that ``SQUEUE`` prints, columns of fixed widths; an exit code is that of ``wait``."""
    found = {}
    for line in text.splitlines():
        job, index, state, code, end = (line[start : start + WIDTH].strip() for start in range(0, 5 * WIDTH, WIDTH))
        reason = line[5 * WIDTH :].strip()
        status = int(code) if code.isdigit() else 0
        killed = signal.SIGKILL in (status & 127, (status >> 8) - 128)
        found[job if index in ("N/A", "") else f"{job}_{index}"] = Task(
            state, reason, killed, _read_time(end) if state not in (*WAITS, *WORKS) else None
        )
    return found


def read_sacct(text: str) -> dict[str, Task]:
    """Read lines of ``SACCT``: ``CANCELLED by 0`` is ``CANCELLED``; a status above 128 is shown without these."""
    found = {}
    for line in text.splitlines():
        task, state, code, end = line.split("|")
        killed = str(int(signal.SIGKILL)) in code.split(":")
        found[task] = Task(state.split()[0] if state else "UNKNOWN", killed=killed, ended=_read_time(end))
    return found


def _read_time(text: str) -> float | None:
    """Read local time, ``2026-03-01T12:00:00``; None for ``N/A`` and ``Unknown``."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def explain_state(task: Task | None) -> str:
    """Say why a task is no more, as far as Slurm knows; empty where its output must tell.

    >>> explain_state(Task("CANCELLED")), explain_state(Task("FAILED"))
    ('cancelled', '')
    """
    if task is None:
        return "Slurm does not know the task any more, and it left no result"
    if task.state in REASONS:
        return REASONS[task.state]
    return "killed by SIGKILL; was there enough memory?" if task.killed else ""


@dataclass
class Queue:
    """A look at the queue that is renewed every ``period`` seconds at most, for who looks often.

    Attributes:
        period: seconds that an answer is good for.
        ask: asks Slurm.
    """

    period: float = 10.0
    ask: Ask = ask_slurm
    _known: Mapping[str, Task] = field(default_factory=dict)
    _asked: tuple[float, frozenset[str]] = (0.0, frozenset())

    def look(self, tasks: Iterable[str]) -> Mapping[str, Task]:
        """Return what is known; nothing where Slurm does not answer."""
        wanted, now = frozenset(tasks), time.monotonic()
        if self._asked[1] != wanted or now - self._asked[0] >= self.period:
            try:
                self._known = read_tasks(wanted, self.ask)
            except Unreachable:
                self._known = {}
            self._asked = (now, wanted)
        return self._known
