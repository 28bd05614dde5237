"""A search as a person meets it: two launches share it, one is killed, the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.sweep.record import read_if_there, read_sweep
from cxr_xai.experiments.sweep.states import CellState, read_statuses
from cxr_xai.files import read_json
from cxr_xai.lease import find_owner

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
SEARCH = ("-m", "sweep=search", "name=find", "callbacks.explain=null", "~sweep.search.space.model")
SEARCH = (*SEARCH, "sweep.search.prune.after=1", "sweep.search.prune.warmup=0", "sweep.search.startup=2")


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


def wait_for_training(launch: "subprocess.Popen[str]", home: Path) -> RunFolder:
    """Wait until a cell trains; return its folder."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert launch.poll() is None, launch.communicate()[0]
        for cell in (read_if_there(home) or {"cells": []})["cells"]:
            folder = RunFolder(home / cell["folder"])
            if find_owner(folder.lease) and folder.progress.is_file() and read_json(folder.progress)["step"] > 0:
                return folder
        time.sleep(0.05)
    raise AssertionError("no trial got that far")


@pytest.mark.slow
def test_killed_and_run_again_by_two_it_has_every_trial_once(small_overrides: list[str], tmp_path: Path) -> None:
    home = tmp_path / "outputs" / "find"
    command = [*SEARCH, *small_overrides, f"paths.outputs={tmp_path / 'outputs'}", "sweep.search.trials=4"]
    first = start(*command)
    folder = wait_for_training(first, home)
    owner = find_owner(folder.lease)
    assert owner is not None
    os.kill(first.pid, signal.SIGKILL)
    os.kill(owner.pid, signal.SIGKILL)
    first.communicate()

    launches = [start(*command), start(*command)]
    said = [launch.communicate(timeout=900)[0] for launch in launches]
    assert [launch.returncode for launch in launches] == [0, 0], said
    record = read_sweep(home)
    states = Counter(status.state for status in read_statuses(record, home))
    assert sum(states.values()) == len(record["cells"]) == 4
    assert set(states) <= {CellState.FINISHED, CellState.PRUNED}
    assert folder.path.name == record["cells"][0]["folder"], "the trial that was cut went on in its own folder"
    assert "continuing after" in folder.output.read_text()
    table = pd.read_csv(home / "search" / "search.csv")
    assert table["trial"].tolist() == [0, 1, 2, 3]
    assert sorted(table["folder"]) == sorted(cell["folder"] for cell in record["cells"])
    for row in table.itertuples():
        metrics = pd.read_csv(home / str(row.folder) / "metrics.csv")
        values = metrics.loc[metrics["key"] == "val/loss", "value"]
        assert row.value == pytest.approx(values.min() if row.state == "finished" else values.iloc[-1], rel=1e-5)
        assert metrics.loc[metrics["key"] == "val/loss", "epoch"].is_unique
    assert all("run the best from more seeds" in text for text in said)


@pytest.mark.slow
def test_an_interruption_saves_and_says_so(small_overrides: list[str], tmp_path: Path) -> None:
    home = tmp_path / "outputs" / "find"
    long = ["trainer.max_epochs=300", "callbacks.early_stopping=null", f"paths.outputs={tmp_path / 'outputs'}"]
    launch = start(*SEARCH, *small_overrides, *long, "sweep.search.trials=2")
    folder = wait_for_training(launch, home)
    launch.send_signal(signal.SIGINT)
    said, _ = launch.communicate(timeout=120)
    assert launch.returncode == 130, said
    assert "the same command continues where it stopped" in said
    assert folder.last.is_file()
    assert find_owner(folder.lease) is None
    assert not list((home / "search").glob("trial-*.lock"))
