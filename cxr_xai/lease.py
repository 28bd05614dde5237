"""Claims on a place that lapse with their owner: the only door to file leases.

A file names the process that works in a place. Its owner touches it while it lives; once it has been silent for
``DURATION`` seconds, or at once where its process is seen to be gone from this machine, another may take over.
"""

import os
import socket
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filelock import LeaseCompromise, SoftFileLease, Timeout

DURATION = 60.0
"""Seconds without a sign of life after which another machine takes over."""


@dataclass(frozen=True)
class Owner:
    """Who works in a place.

    Attributes:
        pid: its process.
        host: its machine.
    """

    pid: int
    host: str

    def __str__(self) -> str:
        """Name the process and, where it is not this one, the machine."""
        return f"process {self.pid}" + ("" if self.host == socket.gethostname() else f" on {self.host}")


class Lease:
    """One claim, to be taken and released in one thread.

    Args:
        path: the file that stands for the claim; its folder is made when the claim is taken.
        deadly: end this process when the claim is lost, so that no two write to one place. It is lost by a machine
            that slept until another took over, or when somebody deletes the file.
    """

    def __init__(self, path: Path, deadly: bool = False) -> None:
        self.path = path
        self._lease = SoftFileLease(path, lease_duration=DURATION, on_compromise=_end if deadly else None)

    def take(self, timeout: float) -> bool:
        """Take the claim if it comes free within ``timeout`` seconds; return whether it did."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for patience in (timeout, 0):
            self._drop_unsigned()
            with suppress(Timeout):
                self._lease.acquire(timeout=patience)
                return True
        return False

    def _drop_unsigned(self) -> None:
        """Remove a file that nobody signed in time: its maker was killed in that moment, and no other would dare."""
        with suppress(OSError):
            found = self.path.stat()
            if found.st_size == 0 and time.time() - found.st_mtime > DURATION:
                self.path.unlink()

    def release(self) -> None:
        """Give the claim back; nothing happens where it was not taken."""
        self._lease.release()


def find_owner(path: Path) -> Owner | None:
    """Return who holds a claim and is alive, without touching it; None if nobody does."""
    try:
        silent = time.time() - path.stat().st_mtime
        record = SoftFileLease(path, lease_duration=DURATION).owner
    except OSError:
        return None
    if record is None or silent > DURATION:
        return None
    here = record.hostname == _own_host()
    if here and not _is_running(record.pid):
        return None
    return Owner(record.pid, socket.gethostname() if here else record.hostname.partition("?")[0])


@cache
def _own_host() -> str:
    """Return how a lease spells this machine, containers told apart: what it writes about itself says it."""
    with tempfile.TemporaryDirectory() as folder, SoftFileLease(Path(folder) / "own", lease_duration=DURATION) as held:
        return held.owner.hostname if held.owner else ""


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # no /proc here, or gone meanwhile
        return True
    return state != "Z"  # dead, and nobody took note


def _end(lost: LeaseCompromise) -> None:
    print(f"error: {lost.lock_file} was lost ({lost.reason}); another process may be at work here.", file=sys.stderr)
    os._exit(1)
