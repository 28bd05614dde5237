"""A sweep as a person meets it: refused in a line, killed, run again, complete."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.sweep.record import read_if_there, read_sweep
from cxr_xai.experiments.sweep.states import CellState, read_status, read_statuses
from cxr_xai.files import read_json
from cxr_xai.lease import find_owner

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
ARMS = ("ablation=balancing", "~ablation.arms.smote", "~ablation.arms.sampler", "~ablation.arms.class_weights")
SWEEP = ("-m", *ARMS, "ablation.primary=focal", "sweep=cross_validation", "split.k=2", "name=sweep")


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "scripts/train.py", *arguments],
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ablation=balancing"], "ablation= is about many runs; add -m"),
        (
            ["-m", "ablation=nope"],
            "ablation=nope: no such member; ablation has architecture, balancing, explainer, finetune, guidance",
        ),
        (["-m", "ablation=balancing", "loss=bce"], "loss=bce: ablation=balancing sets loss, too"),
        (["-m", "seed=1,1"], "seed 1 and seed 1 are the same run"),
        (["-m", "sweep=seeds", "sweep.seed.cuont=2"], "no configuration key 'sweep.seed.cuont' in train.yaml."),
        (
            ["-m", "ablation=transform", "+ablation.arms.mine=['transform=mine']"],
            "mine: transform=mine: no such member",
        ),
        (["-m", "ablation=transform", "+ablation.arms.mine=['seeed=1']"], "mine: no configuration key 'seeed' in"),
        (["-m", "hydra.launcher.jobs=0", "seed=1,2"], "hydra.launcher.jobs=0; it must be 1 or more."),
        (
            ["-m", "hydra/launcher=slurm", "hydra.launcher.nodes=2", "seed=1,2"],
            "trainer.num_nodes=1 and hydra.launcher.nodes=2 must be equal; set both.",
        ),
    ],
)
def test_a_mistake_ends_in_a_line_before_anything_starts(arguments: list[str], message: str, tmp_path: Path) -> None:
    process = start(*arguments, f"paths.outputs={tmp_path / 'outputs'}")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.strip().splitlines()[-1].startswith("error: ")
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.rglob("config.yaml"))


def kill_in_the_middle(launcher: "subprocess.Popen[str]", home: Path, done: int) -> None:
    """Wait until ``done`` cells are finished and the next one trains; kill it and the launcher."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert launcher.poll() is None, launcher.communicate()[0]
        folders = [RunFolder(home / cell["folder"]) for cell in (read_if_there(home) or {"cells": []})["cells"]]
        finished = sum(read_status(folder).state is CellState.FINISHED for folder in folders)
        for folder in folders:
            owner, progress = find_owner(folder.lease), folder.progress
            if finished >= done and owner and progress.is_file() and read_json(progress)["step"] > 0:
                os.kill(launcher.pid, signal.SIGKILL)
                os.kill(owner.pid, signal.SIGKILL)
                launcher.communicate()
                while find_owner(folder.lease):  # a signal takes a moment
                    time.sleep(0.05)
                return
        time.sleep(0.05)
    raise AssertionError("no cell got that far")


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
def test_killed_twice_and_run_again_it_completes(small_overrides: list[str], tmp_path: Path) -> None:
    home = tmp_path / "outputs" / "sweep"
    command = [*SWEEP, *small_overrides, f"paths.outputs={tmp_path / 'outputs'}"]
    kill_in_the_middle(start(*command), home, done=0)
    kill_in_the_middle(start(*command), home, done=1)
    record = read_sweep(home)
    before = read_statuses(record, home)
    assert {status.state for status in before} >= {CellState.FINISHED, CellState.CUT_OFF, CellState.WAITING}
    done = [c for c, s in zip(record["cells"], before, strict=True) if s.state is CellState.FINISHED]
    untouched = {cell["folder"]: times(home / cell["folder"]) for cell in done}

    last = start(*command)
    said, _ = last.communicate(timeout=600)
    assert last.returncode == 0, said
    record = read_sweep(home)
    rows = [(cell["arm"], cell["fold"]) for cell in record["cells"]]
    assert rows == [("none", 0), ("focal", 0), ("none", 1), ("focal", 1)]
    assert {status.state for status in read_statuses(record, home)} == {CellState.FINISHED}
    for folder, stamps in untouched.items():
        assert times(home / folder) == stamps, "a finished cell is left alone"
    for cell in record["cells"]:
        metrics = pd.read_csv(home / cell["folder"] / "metrics.csv")
        assert sorted(metrics.loc[metrics["key"] == "train/loss", "epoch"]) == [0, 1], "no epoch twice, none lost"
        progress = read_json(home / cell["folder"] / "progress.json")
        assert progress["step"] == progress["steps"] == cell["steps"] * cell["epochs"], "equal steps"
    tables = [pd.read_parquet(home / cell["folder"] / "predictions.parquet") for cell in record["cells"]]
    tested = [table[table["part"] == "test"] for table in tables]
    folds = [set(table["image_id"]) for table in tested[::2]]
    assert folds == [set(table["image_id"]) for table in tested[1::2]], "arms share their folds"
    assert not folds[0] & folds[1]


@pytest.mark.slow
def test_an_interruption_saves_says_so_and_a_second_plain_run_is_refused(
    small_overrides: list[str], tmp_path: Path
) -> None:
    home = tmp_path / "outputs" / "sweep"
    long = ["trainer.max_epochs=400", "callbacks.early_stopping=null", "callbacks.explain=null", "seed=1,2"]
    command = [*small_overrides, *long[:3], "name=sweep", f"paths.outputs={tmp_path / 'outputs'}"]
    launcher = start("-m", *command, long[3])

    def training() -> RunFolder | None:
        for cell in (read_if_there(home) or {"cells": []})["cells"]:
            folder = RunFolder(home / cell["folder"])
            if folder.progress.is_file() and read_json(folder.progress)["epoch"] > 1:
                return folder
        return None

    deadline = time.monotonic() + 200
    while (folder := training()) is None:
        assert time.monotonic() < deadline
        assert launcher.poll() is None
        time.sleep(0.1)
    plain = start(*command, "seed=1")
    said, _ = plain.communicate(timeout=120)
    assert plain.returncode == 1
    owner = find_owner(folder.lease)
    assert said.splitlines()[-1].endswith(
        f"is being worked on by {owner}; wait for it, or end it (running.lock is its claim)."
    )
    launcher.send_signal(signal.SIGINT)
    said, _ = launcher.communicate(timeout=120)
    assert launcher.returncode == 130, said
    assert "the same command continues where it stopped" in said
    assert read_status(folder).state is CellState.CUT_OFF
    assert find_owner(folder.lease) is None
