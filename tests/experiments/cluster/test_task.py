"""A request to stop in a task of Slurm: held back until it can be answered, then answered by the queue."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cxr_xai.experiments.cluster import shield
from cxr_xai.experiments.cluster.queue import Unreachable
from cxr_xai.experiments.cluster.task import HEAD, hand_over, own_task, still_runs
from cxr_xai.signals import STOPPING, Interrupted


@pytest.mark.parametrize(("runs", "code"), [(True, -1), (False, 140)])
def test_only_what_still_counts_as_running_is_queued_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: bool, code: int
) -> None:
    monkeypatch.setenv("SLURM_PROCID", "0")
    called: list[int] = []

    def again(number: int, frame: object) -> None:
        called.append(number)
        sys.exit(-1)  # as submitit does

    with pytest.raises(SystemExit) as ended:
        hand_over(again, Interrupted(signal.SIGUSR2, " (step 3)"), lambda: runs)
    assert ended.value.code == code
    assert called == ([signal.SIGUSR2] if runs else [])
    assert capsys.readouterr().err.startswith("stopped by SIGUSR2 (step 3)")


def test_other_processes_of_a_cell_end_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(SystemExit) as ended:
        hand_over(lambda *_: pytest.fail("the first process speaks for all"), Interrupted(signal.SIGTERM), lambda: True)
    assert ended.value.code == 0


CUT = """
import os, signal
from pathlib import Path
from cxr_xai.experiments.cluster.task import CellTask

class Cut(CellTask):
    def _run(self):
        print("running", flush=True)
        os.kill(os.getpid(), signal.SIGUSR2)
        print("never here", flush=True)

signal.signal(signal.SIGUSR2, lambda *_: (print("queued again", flush=True), os._exit(9)))
import cxr_xai.experiments.cluster.task as task
task.still_runs = lambda: True
Cut({}, {}, Path(OUTPUT))()
"""


def test_a_task_that_is_asked_to_stop_unwinds_before_it_is_queued_again(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    environment = {**os.environ, "SLURM_PROCID": "0", "SLURM_JOB_ID": "12", "PYTHONPATH": str(Path.cwd())}
    code = CUT.replace("OUTPUT", repr(str(log)))
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 9
    assert [line.split(":")[0] for line in log.read_text().splitlines()[1:]] == [
        "running",
        "stopped by SIGUSR2",
        "queued again",
    ]


def test_slurm_is_asked_about_this_task_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SLURM_JOB_ID", "12"), ("SLURM_ARRAY_JOB_ID", "12"), ("SLURM_ARRAY_TASK_ID", "3")):
        monkeypatch.setenv(name, value)  # the last task of an array has the number of the array

    def ask(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        assert "--jobs=12_3" in command, "others of the array may live"
        return subprocess.CompletedProcess(command, 0, "RUNNING\n", "")

    def away(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        raise Unreachable("gone")

    assert still_runs(ask)
    assert not still_runs(away), "better cut off than risen from the dead"


def test_a_task_is_named_as_slurm_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "13")
    assert own_task() == "13"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert own_task() == "12_3"


def test_a_signal_before_there_is_a_handler_waits_for_one() -> None:
    code = (
        "import os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGUSR2)\n"  # without the shield this is the end
        "signal.signal(signal.SIGUSR2, lambda *_: sys.exit(7))\n"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])\n"
    )
    start = [sys.executable, "-I", "-S", str(Path(shield.__file__)), sys.executable, "-S", "-c", code]
    assert subprocess.run(start, check=False).returncode == 7
    assert subprocess.run(start[4:], check=False).returncode == -signal.SIGUSR2
    assert set(shield.HELD) == set(STOPPING)


def test_every_start_is_kept(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from cxr_xai.experiments.cluster.task import append_output; import os, sys\n"
        f"append_output(Path({str(tmp_path / 'cell' / 'output.log')!r})); print('hello'); os.system('echo child')"
    )
    for start in ("0", "1"):
        environment = {**os.environ, "SLURM_JOB_ID": "12", "SLURM_RESTART_COUNT": start, "PYTHONPATH": str(Path.cwd())}
        environment.pop("SLURM_ARRAY_JOB_ID", None)
        subprocess.run([sys.executable, "-u", "-c", code], env=environment, check=True)
    lines = (tmp_path / "cell" / "output.log").read_text().splitlines()
    assert [line for line in lines if not line.startswith(HEAD)] == ["hello", "child"] * 2
    assert [line.split(", on")[0] for line in lines if line.startswith(HEAD)] == [
        f"{HEAD} 12, start 1",
        f"{HEAD} 12, start 2",
    ]
