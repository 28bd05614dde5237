"""A real Slurm of two small nodes on this machine, started and stopped by the scripts beside this file."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE, PROJECT = Path(__file__).parent, Path(__file__).parents[3]
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged", "runuser")


@dataclass(frozen=True)
class Cluster:
    """A Slurm that runs.

    Attributes:
        environment: in which its commands, and the project's, find it.
        started: processes, to be ended if a test does not.
    """

    environment: Mapping[str, str]
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it printed."""
        done = subprocess.run(
            command, cwd=PROJECT, env=dict(self.environment), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start ``scripts/train.py``; what it says goes to a pipe."""
        process = subprocess.Popen(
            [sys.executable, "scripts/train.py", *arguments],
            cwd=PROJECT,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def hurry(self, task: str) -> None:
        """Let a task start that Slurm holds for two minutes after it was queued again.

        Not at once: as long as a node clears what was before, it refuses the task ("already killed").
        """
        state = self.ask("squeue", "-h", "-j", task, "-o", "%T")
        if state == "PENDING":
            self.ask("scontrol", "update", f"JobId={task}", "StartTime=now+8")


@pytest.fixture(scope="session")
def cluster(unlaunched: dict[str, str]) -> Iterator[Cluster]:
    """Start Slurm for all tests of this folder, stop it at the end."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"no Slurm here ({', '.join(missing)} not found): apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("Slurm's daemons are started as root")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # the database is another user's, who cannot look into a folder of pytest's
    try:
        up = subprocess.run(
            [str(HERE / "up.sh"), str(folder)], capture_output=True, text=True, timeout=120, check=False
        )
        assert up.returncode == 0, up.stdout + up.stderr
        configuration = up.stdout.strip().removeprefix("export SLURM_CONF=")
        running = Cluster({**unlaunched, "SLURM_CONF": configuration})
        yield running
        for process in running.started:
            process.kill()
    finally:
        subprocess.run([str(HERE / "down.sh"), str(folder)], timeout=60, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """``wait_until(condition, seconds)`` looks ten times a second, and gives up in an error."""

    def wait(condition: Callable[[], object], seconds: float = 900) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it never came to pass"
            time.sleep(0.1)

    return wait
