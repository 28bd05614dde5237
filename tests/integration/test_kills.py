"""Training that is killed again and again, anywhere, ends with the weights of training that was left alone.

What is killed is a process of its own that runs ``scripts/train.py``; it is forked from one that has imported the
libraries, for the imports alone would take minutes.
"""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
KILLS, IN_MID_EPOCH, STEPS, EPOCHS = 10, 5, 15, 14
"""Kills, how many of them at least in mid-epoch, optimizer steps an epoch, epochs."""

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1)
STATUSES = {signal.SIGKILL: {-9}, signal.SIGTERM: {143, -15}, signal.SIGUSR1: {138, -10}}
"""128 + signum, or death by the signal itself in the moment before the script's first line."""

LAUNCHER = """
import json, os, runpy, sys
import cxr_xai.experiments.run, cxr_xai.models.classifier, cxr_xai.explainers.exact_cam

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1), os.dup2(log, 2)
        sys.argv = [sys.argv[1], *json.loads(line)]
        status = 0
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
            status = 70
        sys.stdout.flush()
        os._exit(status)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Launcher:
    """Starts training processes, one after another."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin: IO[str] = process.stdin
        self.stdout: IO[str] = process.stdout
        self.log = log

    def start(self, overrides: list[str]) -> int:
        """Return the number of the new process."""
        self.stdin.write(json.dumps(overrides) + "\n")
        self.stdin.flush()
        return int(self.stdout.readline())

    def wait(self) -> int:
        """Return the status with which it ended."""
        return int(self.stdout.readline())


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    script, log = tmp_path / "launcher.py", tmp_path / "log.txt"
    script.write_text(LAUNCHER)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    arguments = [sys.executable, str(script), str(PROJECT / "scripts" / "train.py"), str(log)]
    with subprocess.Popen(
        arguments, cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Launcher(process, log)
        assert process.stdin is not None
        process.stdin.close()


def wait_for_writes(path: Path, count: int, patience: float = 60.0) -> None:
    """Wait until a file has been replaced so many times, or the process must have ended."""
    seen, until = written_at(path), time.monotonic() + patience
    while count and time.monotonic() < until:
        time.sleep(0.002)
        if (now := written_at(path)) not in (seen, None):
            seen, count = now, count - 1


def written_at(path: Path) -> int | None:
    """Return when a file was written, in ns; None while there is none, as in the moment of its replacement perhaps."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def test_killed_at_random_moments(
    launcher: Launcher,
    small_overrides: list[str],
    require_same: Callable[[RunFolder, RunFolder], None],
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("KILL_SEED", secrets.randbelow(2**32)))
    print(f"KILL_SEED={seed}")
    draw = random.Random(seed)
    overrides = [*small_overrides, "datamodule.batch_size=4", "transform=standard", "scheduler=plateau"]
    overrides += ["callbacks.checkpoint.every_n_steps=1", f"trainer.max_epochs={EPOCHS}"]

    def run(name: str) -> tuple[list[str], RunFolder]:
        return [*overrides, f"paths.outputs={tmp_path / name}"], RunFolder(tmp_path / name / "demo" / cell)

    launcher.start([*overrides, f"paths.outputs={tmp_path / 'whole'}"])
    assert launcher.wait() == 0, launcher.log.read_text()
    [cell] = (path.name for path in (tmp_path / "whole" / "demo").iterdir())
    whole, (command, killed) = run("whole")[1], run("killed")
    steps = []
    for number in range(KILLS):
        signum = SIGNALS[number % len(SIGNALS)]
        child = launcher.start(command)
        if number % 5 != 4:  # two of ten fall anywhere, before training too
            wait_for_writes(killed.last, draw.randint(1, 16))
        time.sleep(draw.uniform(0, 0.1 if number % 5 != 4 else 3))
        os.kill(child, signum)
        status = launcher.wait()
        assert status in STATUSES[signum], launcher.log.read_text()[-3000:]
        written = torch.load(killed.last, weights_only=True)["global_step"] if killed.last.is_file() else 0
        print(f"{signum.name} at step {written} (epoch {written // STEPS}), status {status}")
        steps.append(written)
    assert sum(step % STEPS != 0 for step in steps) >= IN_MID_EPOCH, steps
    assert steps[-1] < EPOCHS * STEPS, "the last kill came before the end"
    launcher.start(command)
    assert launcher.wait() == 0, launcher.log.read_text()[-3000:]
    require_same(whole, killed)
    pd.testing.assert_frame_equal(*(pd.read_parquet(f.predictions) for f in (whole, killed)), check_exact=True)
    names = [{p.relative_to(f.path) for p in f.path.rglob("*")} for f in (whole, killed)]
    assert names[0] == names[1], "nothing half is left"
