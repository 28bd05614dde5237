"""What is told of tasks, and how each ends: with answers of Slurm that are made up, and folders that are real."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cluster.follow import LOOKS, Follower, Submitted
from cxr_xai.experiments.cluster.queue import Task, Unreachable
from cxr_xai.experiments.cluster.task import HEAD
from cxr_xai.experiments.sweep.launch import Job
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.files import read_json
from cxr_xai.lease import Lease

Told = list[tuple[str, str]]
Follow = Callable[..., tuple[Follower, Told, dict[str, Task]]]


class Heard:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.told: Told = []
        self.ticks: list[tuple[int, int]] = []

    def event(self, what: str, job: Job, note: str = "") -> None:
        self.told.append((what, note))

    def tick(self, running: Sequence[Job], waiting: int) -> None:
        self.ticks.append((len(running), waiting))


@pytest.fixture
def follow(tmp_path: Path) -> Follow:
    """Follow the task ``7_0``, or none; what Slurm knows is the dictionary."""

    def begin(task: str | None = "7_0") -> tuple[Follower, Told, dict[str, Task]]:
        known: dict[str, Task] = {}
        heard = Heard()
        submitted = [Submitted(Job("fold 0", [], RunFolder(tmp_path / "cell"), 2), task)]
        return Follower(submitted, heard, lambda tasks: known), heard.told, known

    return begin


def finish(folder: RunFolder) -> None:
    folder.write_summary({"max_epochs": 2, "stopped_early": False})


def test_queued_started_preempted_and_finished(follow: Follow, tmp_path: Path) -> None:
    follower, told, known = follow()
    for state, reason in [("PENDING", "Priority"), ("PENDING", "Priority"), ("RUNNING", "None"), ("COMPLETING", "")]:
        known["7_0"] = Task(state, reason)
        follower.look()
    known["7_0"] = Task("PENDING", "BeginTime")
    follower.look()
    known["7_0"] = Task("RUNNING")
    follower.look()
    finish(RunFolder(tmp_path / "cell"))
    known["7_0"] = Task("COMPLETED")
    follower.look()
    assert told == [
        ("queued", "task 7_0, Priority"),
        ("started", "task 7_0"),
        ("again", "task 7_0, BeginTime"),
        ("started", "task 7_0"),
        ("finished", ""),
    ]
    assert follower.left == []


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Task("OUT_OF_MEMORY"), "killed: out of memory; raise hydra.launcher.mem, or lower the batch size (task 7_0)"),
        (Task("NODE_FAIL"), "its node failed (task 7_0)"),
        (Task("CANCELLED"), "cancelled (task 7_0)"),
        (Task("FAILED", killed=True), "killed by SIGKILL; was there enough memory? (task 7_0)"),
        (Task("FAILED"), "no films; unpack some."),
    ],
)
def test_a_failure_has_its_reason_at_once(follow: Follow, tmp_path: Path, task: Task, reason: str) -> None:
    follower, told, known = follow()
    folder = RunFolder(tmp_path / "cell")
    folder.path.mkdir()
    folder.output.write_text(f"{HEAD} 7_0\nValueError: of the first start\n{HEAD} 7_0\nerror: no films; unpack some.\n")
    known["7_0"] = task
    follower.look()
    assert told == [("failed", reason)]
    assert read_json(folder.failure)["reason"] == reason
    assert read_status(folder).state is CellState.FAILED


def test_a_job_that_nobody_knows_is_not_waited_for(follow: Follow, tmp_path: Path) -> None:
    follower, told, _ = follow()
    for _ in range(LOOKS - 1):
        follower.look()
    assert told == [], "a queue may lag behind its own submissions"
    follower.look()
    [(what, note)] = told
    assert what == "failed"
    assert note.startswith("Slurm does not know the task any more, and it left no result")


def test_a_result_that_comes_late_over_a_shared_disk_counts(follow: Follow, tmp_path: Path) -> None:
    follower, told, known = follow()
    known["7_0"] = Task("COMPLETED")
    follower.look()
    assert told == []
    finish(RunFolder(tmp_path / "cell"))
    follower.look()
    assert told == [("finished", "")]


def test_finished_without_accounting_is_finished(follow: Follow, tmp_path: Path) -> None:
    follower, told, _ = follow()
    finish(RunFolder(tmp_path / "cell"))
    follower.look()
    assert told == [("finished", "")]


def test_what_another_process_runs_is_waited_for_and_not_begun(follow: Follow, tmp_path: Path) -> None:
    follower, told, _ = follow(None)
    folder = RunFolder(tmp_path / "cell")
    lease = Lease(folder.lease)
    assert lease.take(timeout=0)
    for _ in range(LOOKS + 1):
        follower.look()
    assert [what for what, _ in told] == ["elsewhere"]
    lease.release()
    for _ in range(LOOKS):
        follower.look()
    assert told[-1] == ("failed", "another process worked on it and stopped; the same command submits it")


def test_a_controller_that_is_away_settles_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def away(tasks: Sequence[str]) -> Mapping[str, Task]:
        raise Unreachable("connection refused")

    heard = Heard()
    follower = Follower([Submitted(Job("fold 0", [], RunFolder(tmp_path / "cell"), 2), "7_0")], heard, away)
    for _ in range(LOOKS + 1):
        follower.look()
    assert len(follower.left) == 1
    assert heard.told == []
    assert capsys.readouterr().out.count("Slurm does not answer (connection refused)") == 1
