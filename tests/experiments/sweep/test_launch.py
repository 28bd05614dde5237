"""Order, failure, continuation, interruption: with a script that is over in a moment."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.sweep import launch
from cxr_xai.experiments.sweep.launch import Job, run_jobs
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.files import read_json
from cxr_xai.lease import Lease
from cxr_xai.signals import STOP, Interrupted

STUB = """
import json, os, signal, sys, time
from pathlib import Path
folder, what = Path(sys.argv[1]), sys.argv[2]
with (folder.parent / "order").open("a") as order: order.write(folder.name + "\\\\n")
print("hello from", folder.name, flush=True)
if what == "user": print("error: no films; unpack some.", file=sys.stderr); sys.exit(1)
if what == "bug": 1 / 0
if what == "killed": os.kill(os.getpid(), signal.SIGKILL)
if what == "nothing": sys.exit(0)
if what == "slow":
    signal.signal(signal.SIGTERM, lambda *_: ((folder / "saved").touch(), sys.exit(143)))
    (folder / "up").touch()
    time.sleep(60)
(folder / "summary.json").write_text(json.dumps({"schema_version": 1, "max_epochs": 2, "stopped_early": False}))
"""


class Heard:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.most = 0

    def event(self, what: str, job: Job, note: str = "") -> None:
        self.events.append((what, job.label, note))

    def tick(self, running: Sequence[Job], waiting: int) -> None:
        self.most = max(self.most, len(running))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "POLL", 0.02)


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    script = tmp_path / "stub.py"
    script.write_text(STUB.replace("\\\\n", "\\n"))
    return [sys.executable, str(script)]


def make_jobs(tmp_path: Path, *whats: str) -> list[Job]:
    folders = [RunFolder(tmp_path / f"{number}-{what}") for number, what in enumerate(whats)]
    return [Job(f.path.name, [str(f.path), what], f, 2) for f, what in zip(folders, whats, strict=True)]


def test_jobs_run_in_order_and_a_failure_stops_nobody(tmp_path: Path, command: list[str]) -> None:
    jobs, heard = make_jobs(tmp_path, "fine", "user", "bug", "killed", "nothing", "fine"), Heard()
    run_jobs(jobs, command, 1, heard)
    assert (tmp_path / "order").read_text().split() == [job.label for job in jobs]
    states = [read_status(job.folder, 2).state for job in jobs]
    assert states == [CellState.FINISHED, *[CellState.FAILED] * 4, CellState.FINISHED]
    assert {label: note for what, label, note in heard.events if what == "failed"} == {
        "1-user": "no films; unpack some.",
        "2-bug": "ZeroDivisionError: division by zero",
        "3-killed": "killed by SIGKILL; was there enough memory?",
        "4-nothing": "ended without a result: hello from 4-nothing",
    }
    assert "Traceback" in jobs[2].folder.output.read_text(), "all that it said is kept"
    assert read_json(jobs[1].folder.failure)["exit_code"] == 1
    assert heard.most == 1


def test_a_disk_too_full_to_note_a_failure_stops_no_sweep(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(launch, "write_json", refuse)
    jobs, heard = make_jobs(tmp_path, "user", "fine"), Heard()
    run_jobs(jobs, command, 1, heard)
    assert [(what, note) for what, _, note in heard.events if what != "started"] == [
        ("failed", "no films; unpack some."),
        ("finished", ""),
    ]


def test_several_at_a_time(tmp_path: Path, command: list[str]) -> None:
    heard = Heard()
    run_jobs(make_jobs(tmp_path, *["fine"] * 5), command, 3, heard)
    assert heard.most == 3
    assert sum(what == "finished" for what, _, _ in heard.events) == 5


def test_output_of_every_attempt_is_kept_and_the_last_one_tells_why(tmp_path: Path, command: list[str]) -> None:
    [job] = make_jobs(tmp_path, "user")
    run_jobs([job], command, 1, Heard())
    again = Job(job.label, [str(job.folder.path), "bug"], job.folder, 2)
    run_jobs([again], command, 1, Heard())
    assert job.folder.output.read_text().count("hello") == 2
    assert read_status(job.folder).reason == "ZeroDivisionError: division by zero"


def test_what_another_runs_is_left_to_it_and_taken_when_it_dies(tmp_path: Path, command: list[str]) -> None:
    first, second = make_jobs(tmp_path, "fine", "fine")
    hold = "import sys; from pathlib import Path; from cxr_xai.lease import Lease; lease = Lease(Path(sys.argv[1]))\n"
    hold += "assert lease.take(timeout=0); print('held', flush=True); sys.stdin.read(1); import os; os._exit(9)"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(first.folder.lease)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"

    class Killer(Heard):
        def event(self, what: str, job: Job, note: str = "") -> None:
            super().event(what, job, note)
            if (what, job) == ("finished", second):
                other.communicate(b"x")

    heard = Killer()
    run_jobs([first, second], command, 1, heard)
    assert heard.events == [
        ("elsewhere", first.label, f"process {other.pid}"),
        ("started", second.label, ""),
        ("finished", second.label, ""),
        ("started", first.label, ""),
        ("finished", first.label, ""),
    ]


def test_what_another_finishes_is_not_run(tmp_path: Path, command: list[str]) -> None:
    [job] = make_jobs(tmp_path, "fine")
    lease, heard = Lease(job.folder.lease), Heard()
    assert lease.take(timeout=0)

    class Finisher(Heard):
        def tick(self, running: Sequence[Job], waiting: int) -> None:
            if waiting:
                text = json.dumps({"schema_version": 1, "max_epochs": 2, "stopped_early": False})
                job.folder.summary.write_text(text)
                lease.release()

    heard = Finisher()
    run_jobs([job], command, 1, heard)
    assert [what for what, _, _ in heard.events] == ["elsewhere", "finished"]
    assert not job.folder.output.exists()


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, KeyboardInterrupt), (signal.SIGUSR1, Interrupted)],
)
def test_an_interruption_lets_cells_save(
    tmp_path: Path, command: list[str], number: signal.Signals, raised: type[BaseException]
) -> None:
    jobs = make_jobs(tmp_path, "slow", "slow", "fine")

    class Interrupter(Heard):
        def tick(self, running: Sequence[Job], waiting: int) -> None:
            if all((job.folder.path / "up").exists() for job in jobs[:2]):
                os.kill(os.getpid(), number)
                time.sleep(0.1)

    heard = Interrupter()
    with pytest.raises(raised), STOP.listening():
        run_jobs(jobs, command, 2, heard)
    assert all((job.folder.path / "saved").exists() for job in jobs[:2])
    assert [label for what, label, _ in heard.events if what == "stopping"] == [job.label for job in jobs[:2]]
    assert not any(job.folder.failure.exists() for job in jobs), "interrupted is not failed"
    assert not jobs[2].folder.path.exists()
