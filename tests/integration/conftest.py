"""A run small enough to repeat: a phantom of 64 px films, the demo's network, two epochs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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

Settings = tuple[dict[str, Any], dict[str, str]]
Compose = Callable[..., Settings]


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
