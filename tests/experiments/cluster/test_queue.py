"""What Slurm prints, and what it means."""

import subprocess
from collections.abc import Callable, Sequence

import pytest

from cxr_xai.experiments.cluster.queue import (
    WIDTH,
    Ask,
    Queue,
    Task,
    Unreachable,
    explain_state,
    read_sacct,
    read_squeue,
    read_tasks,
)


def row(*values: str) -> str:
    return "".join(value.ljust(WIDTH) for value in (*values[:-1], "N/A")) + values[-1]


SQUEUE = "\n".join(
    [
        row("7", "0", "RUNNING", "0", "None"),
        row("7", "1", "PENDING", "0", "JobArrayTaskLimit"),
        row("7", "2", "FAILED", str(137 << 8), "NonZeroExitCode"),
        row("7", "3", "COMPLETING", str(143 << 8), "None"),
        row("9", "N/A", "FAILED", "9", "None"),
        row("10", "N/A", "FAILED", str(1 << 8), "NonZeroExitCode"),
    ]
)
SACCT = "7_4|CANCELLED by 0|0:0|Unknown\n7_5|OUT_OF_MEMORY|0:125|\n8|FAILED|9:0|\n11|PREEMPTED|0:0|\n"

Answer = tuple[int, str, str]
Answers = Callable[[Answer, Answer], Ask]


@pytest.fixture
def answers() -> Answers:
    """An ``ask`` that gives these answers for ``squeue`` and ``sacct``: status, output, errors."""

    def make(squeue: Answer, sacct: Answer) -> Ask:
        def ask(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
            status, said, errors = {"squeue": squeue, "sacct": sacct}[command[0]]
            return subprocess.CompletedProcess(command, status, said, errors)

        return ask

    return make


def test_the_queue_is_read() -> None:
    found = read_squeue(SQUEUE)
    assert found["7_0"] == Task("RUNNING", "None")
    assert found["7_1"] == Task("PENDING", "JobArrayTaskLimit")
    assert (found["7_2"].killed, found["9"].killed, found["10"].killed) == (True, True, False)
    assert {name for name, task in found.items() if task.alive} == {"7_0", "7_1", "7_3"}
    assert {name for name, task in found.items() if task.waits} == {"7_1"}


def test_accounting_is_read() -> None:
    found = read_sacct(SACCT)
    assert found["7_4"] == Task("CANCELLED")
    assert explain_state(found["7_5"]).startswith("killed: out of memory")
    assert explain_state(found["8"]) == "killed by SIGKILL; was there enough memory?"
    assert "did not queue it again" in explain_state(found["11"])
    assert not any(task.alive for task in found.values())


def test_accounting_speaks_of_what_the_queue_forgot_and_of_nothing_else(answers: Answers) -> None:
    ask = answers((0, SQUEUE, ""), (0, SACCT + "7_1|FAILED|1:0|\n", ""))
    known = read_tasks(["7_1", "7_4", "7_99"], ask)
    assert known == {"7_1": Task("PENDING", "JobArrayTaskLimit"), "7_4": Task("CANCELLED")}


def test_a_job_that_nobody_knows_is_left_out_where_there_is_no_accounting(answers: Answers) -> None:
    unknown = (1, "", "slurm_load_jobs error: Invalid job id specified")
    assert read_tasks(["7_1"], answers(unknown, (1, "", "Slurm accounting storage is disabled"))) == {}
    assert read_tasks([], answers(unknown, unknown)) == {}


def test_a_controller_that_is_away_is_no_news_of_jobs(answers: Answers) -> None:
    away = answers((1, "", "slurm_load_jobs error: Unable to contact slurm controller"), (0, SACCT, ""))
    with pytest.raises(Unreachable, match="Unable to contact"):
        read_tasks(["7_1"], away)
    assert Queue(ask=away).look(["7_1"]) == {}


def test_who_looks_often_asks_seldom(answers: Answers) -> None:
    asked: list[str] = []
    plain = answers((0, SQUEUE, ""), (0, "", ""))

    def counting(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        asked.append(command[0])
        return plain(command)

    queue = Queue(period=60, ask=counting)
    assert queue.look(["7_0"]) == queue.look(["7_0"])
    assert asked == ["squeue"]
    queue.look(["7_0", "7_1"])
    assert asked == ["squeue", "squeue"], "others were asked for"
