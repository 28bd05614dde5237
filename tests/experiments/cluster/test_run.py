"""What a launch on a cluster submits, joins, leaves and writes down; Slurm is pretended."""

import dataclasses
import inspect
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.cluster import run
from cxr_xai.experiments.cluster.queue import Task, Unreachable
from cxr_xai.experiments.cluster.resources import Resources
from cxr_xai.experiments.cluster.run import run_on_slurm, write_recipe
from cxr_xai.experiments.cluster.submit import make_parameters
from cxr_xai.experiments.cluster.task import CellTask
from cxr_xai.experiments.cluster.tasks import note_submitted, read_submitted
from cxr_xai.experiments.command import CONF, compose
from cxr_xai.experiments.sweep.run import Composed
from cxr_xai.files import write_json

RESOURCES = Resources(2, 60)


@pytest.fixture(scope="module")
def composed() -> Callable[[Path], list[Composed]]:
    """Two cells whose outputs lie in a folder, composed once."""
    overrides = [("seed=1",), ("seed=2",)]
    cells = [(given, *compose("train", given)) for given in overrides]

    def place(outputs: Path) -> list[Composed]:
        paths = {**cells[0][1]["paths"], "outputs": str(outputs)}
        return [(given, {**settings, "paths": paths}, choices) for given, settings, choices in cells]

    return place


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many cells each submission had; ``known`` tasks are those of job 7."""
    counts: list[int] = []

    def submit(cells: Sequence[CellTask], *given: Any) -> None:
        counts.append(len(cells))
        given[-1](0, [f"{8 + len(counts)}_{number}" for number in range(len(cells))])

    monkeypatch.setattr(run, "submit_cells", submit)
    monkeypatch.setattr(run, "read_tasks", lambda tasks: {t: Task("PENDING") for t in tasks if t.startswith("7_")})
    return counts


def folders(cells: Iterable[Composed]) -> list[RunFolder]:
    return [
        RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / name_cell(settings, choices))
        for _, settings, choices in cells
    ]


def test_what_is_queued_is_joined_and_what_is_not_is_submitted(
    composed: Callable[[Path], list[Composed]], submitted: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = composed(tmp_path)
    one, two = folders(cells)
    write_json(two.failure, {"reason": "no films", "exit_code": 1})
    note_submitted(one.path.parent, {one.path.name: "7_0", two.path.name: "6_1"})
    assert not run_on_slurm(cells, RESOURCES, 5, wait=False, poll=1), "cells are left to the cluster"
    assert submitted == [1], "only the one that Slurm does not know"
    assert read_submitted(one.path.parent) == {one.path.name: "7_0", two.path.name: "9_0"}
    assert not two.failure.exists(), "it is queued, not failed"
    said = capsys.readouterr().out
    assert "1 of 2 cells are queued or running already" in said
    assert "end:  scancel 7 9" in said
    assert f"sweep_status.py runs={one.path.parent}" in said


def test_a_queued_task_of_fewer_epochs_is_not_joined(
    composed: Callable[[Path], list[Composed]], submitted: list[int], tmp_path: Path
) -> None:
    cells = composed(tmp_path)
    one, two = folders(cells)
    epochs = cells[0][1]["trainer"]["max_epochs"]
    tasks = {one.path.name: "7_0", two.path.name: "7_1"}
    note_submitted(one.path.parent, tasks, {one.path.name: epochs + 1, two.path.name: epochs - 1})
    with pytest.raises(
        UserError, match=rf"task 7_1 of .* trainer\.max_epochs={epochs - 1}, and now {epochs} are asked"
    ):
        run_on_slurm(cells, RESOURCES, 5, wait=False, poll=1)
    assert submitted == []


def test_an_array_that_is_refused_loses_neither_the_one_before_nor_reasons(
    composed: Callable[[Path], list[Composed]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_second(cells: Sequence[CellTask], *given: Any) -> None:
        given[-1](0, ["9"])
        raise UserError("Slurm refuses: no more")

    monkeypatch.setattr(run, "submit_cells", refuse_second)
    cells = composed(tmp_path)
    one, two = folders(cells)
    for folder in (one, two):
        write_json(folder.failure, {"reason": "no films", "exit_code": 1})
    with pytest.raises(UserError, match="Slurm refuses: no more"):
        run_on_slurm(cells, RESOURCES, 5, wait=False, poll=1)
    assert read_submitted(one.path.parent) == {one.path.name: "9"}
    assert [folder.failure.exists() for folder in (one, two)] == [False, True]


def test_nothing_is_submitted_while_slurm_is_away(
    composed: Callable[[Path], list[Composed]], submitted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(tasks: Sequence[str]) -> dict[str, Task]:
        raise Unreachable("connection refused")

    monkeypatch.setattr(run, "read_tasks", away)
    with pytest.raises(UserError, match=r"Slurm does not answer \(connection refused\); nothing was submitted"):
        run_on_slurm(composed(tmp_path), RESOURCES, 5, wait=True, poll=1)
    assert submitted == []
    assert run_on_slurm([], RESOURCES, 5, wait=True, poll=1), "nothing is left to run"


def test_ctrl_c_leaves_cells_to_the_cluster(
    composed: Callable[[Path], list[Composed]],
    submitted: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(self: Any, poll: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Follower, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_on_slurm(composed(tmp_path), RESOURCES, 5, wait=True, poll=1)
    said = capsys.readouterr().out
    assert "2 cells stay queued or running; the same command joins them." in said
    assert "end:  scancel 9" in said


def test_a_recipe_is_written_and_its_command_said(
    composed: Callable[[Path], list[Composed]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = composed(tmp_path / "two words")
    assert not write_recipe(cells, RESOURCES, [sys.executable, "scripts/train.py"])
    said = capsys.readouterr().out
    [line] = [line.strip() for line in said.splitlines() if line.strip().startswith("sbatch")]
    script = Path(shlex.split(line)[1])
    assert "--array=0-1%2" in script.read_text()
    assert script.name == "array.sbatch"


def test_parameters_are_those_that_were_chosen() -> None:
    found = make_parameters(Resources(8, 90, gpus_per_node=4, qos="long"), 4, "cxr-nih")
    assert {"partition", "mem", "setup"}.isdisjoint(found)
    assert (found["ntasks_per_node"], found["time"], found["qos"], found["array_parallelism"]) == (4, 90, "long", 8)
    assert found["additional_parameters"] == {"requeue": True}


@pytest.mark.parametrize("name", ["slurm", "sbatch"])
def test_every_setting_of_a_launcher_is_taken(name: str) -> None:
    files = [CONF / "hydra" / "launcher" / f"{each}.yaml" for each in ("sbatch", name)]  # what slurm extends
    settings = {key: value for file in files for key, value in yaml.safe_load(file.read_text()).items()}
    settings.pop("defaults", None)
    target = hydra.utils.get_object(settings.pop("_target_"))
    known = {field.name for field in dataclasses.fields(Resources)} | set(inspect.signature(target).parameters)
    assert settings.keys() <= known
    assert {field.name for field in dataclasses.fields(Resources)} <= settings.keys()
