"""A run small enough to repeat: a phantom of 64 px films, the demo's network, two epochs."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.command import compose as compose_settings

SMALL = (
    "datamodule.reader.train_val_patients=30",
    "datamodule.reader.test_patients=24",
    "datamodule.reader.film_size=64",
    "datamodule.image_size=64",
    "datamodule.batch_size=16",
    "trainer=cpu",
    "trainer.enable_progress_bar=false",
    "callbacks.progress=null",
    "trainer.max_epochs=2",
    "bootstrap=50",
)

WALL_CLOCK = {"seconds", "epoch_seconds", "spent", "probe/seconds", "probe/share_of_epoch", "logged"}
"""Times, and the bytes of a file that holds them: as many as their digits."""

PROJECT = Path(__file__).parents[2]
LAUNCHED = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_PORT")

Settings = tuple[dict[str, Any], dict[str, str]]
Compose = Callable[..., Settings]


@pytest.fixture(scope="session")
def unlaunched() -> dict[str, str]:
    """An environment in which no process group has been launched yet."""
    kept = {key: value for key, value in os.environ.items() if key not in LAUNCHED}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}


@pytest.fixture(scope="session")
def launch(unlaunched: dict[str, str]) -> Callable[..., str]:
    """``launch(arguments, cwd)`` runs Python, in several processes if it is told so, and returns what it printed."""

    def run(arguments: list[str], cwd: Path, timeout: float = 400) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=cwd, env=unlaunched, capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One phantom and one cache for all small runs."""
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="session")
def small_overrides(small_data: Path) -> list[str]:
    return [*SMALL, f"paths.data={small_data}"]


@pytest.fixture(scope="session")
def compose(small_overrides: list[str]) -> Compose:
    """Compose as the script does: (settings, choices)."""

    return lambda *overrides: compose_settings("train", [*small_overrides, *overrides])


@pytest.fixture(scope="session")
def finished(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of a finished small run; tests read it and leave it as it is."""
    from cxr_xai.experiments.run import run_training

    settings, choices = compose(f"paths.outputs={tmp_path_factory.mktemp('outputs')}")
    run_training(settings, choices)
    return RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / name_cell(settings, choices))


def differences(one: Any, two: Any, path: str = "") -> list[str]:
    """Return where two checkpoints differ, wall-clock times apart."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return [] if torch.equal(one.nan_to_num(-7), two.nan_to_num(-7)) else [path]
    if isinstance(one, dict) and isinstance(two, dict):
        found = [f"{path}/{key}" for key in one.keys() ^ two.keys()]
        for key in (one.keys() & two.keys()) - WALL_CLOCK:
            found += differences(one[key], two[key], f"{path}/{key}")
        return found
    if isinstance(one, list | tuple) and len(one) == len(two):
        return [text for n, pair in enumerate(zip(one, two, strict=True)) for text in differences(*pair, f"{path}/{n}")]
    return [] if one == two or (one != one and two != two) else [path]


@pytest.fixture(scope="session")
def require_same() -> Callable[[RunFolder, RunFolder], None]:
    """Two folders hold the same training, wall-clock times apart."""
    return _require_same


def _require_same(whole: RunFolder, other: RunFolder) -> None:
    """Weights, optimizer, scheduler, loops, callbacks, random states, rows, pictures and maps."""
    for path in ("last", "best"):
        checkpoints = (torch.load(getattr(folder, path), weights_only=True) for folder in (whole, other))
        assert differences(*checkpoints) == [], path
    tables = [folder.read_metrics() for folder in (whole, other)]
    pd.testing.assert_frame_equal(
        *(table[~table["key"].isin(WALL_CLOCK)].reset_index(drop=True) for table in tables), check_exact=True
    )
    assert (tables[0][["epoch", "key"]] == tables[1][["epoch", "key"]]).all(axis=None)
    pd.testing.assert_frame_equal(*(pd.read_parquet(f.localization) for f in (whole, other)), check_exact=True)
    notes = [folder.pareto.read_bytes() if folder.pareto.is_file() else b"" for folder in (whole, other)]
    assert notes[0] == notes[1]
    shown = [
        {p.relative_to(f.path): p for p in f.path.rglob("explanations/**/*") if p.is_file()} for f in (whole, other)
    ]
    assert shown[0].keys() == shown[1].keys()
    for name, path in shown[0].items():
        if path.suffix == ".npz":
            maps = [np.load(files[name])["attribution"] for files in shown]
            np.testing.assert_array_equal(*maps)
        else:
            assert path.read_bytes() == shown[1][name].read_bytes(), name
