"""Running a command again: complete, continued, refused, afresh."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.run import run_training
from cxr_xai.files import read_json, write_json

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]


@pytest.fixture(scope="module")
def run(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], RunFolder]:
    """One epoch of a run that the tests continue, in order."""
    overrides = [f"paths.outputs={tmp_path_factory.mktemp('again')}", "trainer.max_epochs=1"]
    settings, choices = compose(*overrides)
    run_training(settings, choices)
    [cell] = (Path(settings["paths"]["outputs"]) / "demo").iterdir()
    return overrides[:1], RunFolder(cell)


def test_complete_prints_and_changes_nothing(
    run: tuple[list[str], RunFolder], compose: Compose, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides, folder = run
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    run_training(*compose(*overrides, "trainer.max_epochs=1"))
    assert before == {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    printed = capsys.readouterr().out
    assert "is complete" in printed
    assert "Cardiomegaly" in printed
    assert "report.html" in printed


def test_more_epochs_continue_the_same_run_as_if_never_cut(
    run: tuple[list[str], RunFolder], compose: Compose, tmp_path: Path
) -> None:
    overrides, folder = run
    run_training(*compose(*overrides, "trainer.max_epochs=2"))
    settings, choices = compose(f"paths.outputs={tmp_path}", "trainer.max_epochs=2")
    run_training(settings, choices)
    [cell] = (tmp_path / "demo").iterdir()
    assert cell.name == folder.path.name, "max_epochs is not in the hash"
    continued, straight = (torch.load(f.last, weights_only=True)["state_dict"] for f in (folder, RunFolder(cell)))
    order, augmentation = "order and augmentation belong to the epoch", "dropout does not"
    assert continued.keys() == straight.keys(), (order, augmentation)
    metrics = folder.read_metrics()
    once = metrics[metrics["key"] == "train/loss"]
    assert sorted(once["epoch"]) == [0, 1], "no epoch twice, none lost"
    table = pd.read_parquet(folder.localization)
    assert not table.duplicated(["epoch", "half", "image_id", "finding"]).any()


def test_other_code_is_refused_and_fresh_moves_aside(run: tuple[list[str], RunFolder], compose: Compose) -> None:
    overrides, folder = run
    certificate = read_json(folder.certificate)
    certificate["code"]["sha256"] = "0" * 64
    write_json(folder.certificate, certificate)
    with pytest.raises(UserError, match=r"other code .*fresh=true"):
        run_training(*compose(*overrides, "trainer.max_epochs=2"))
    run_training(*compose(*overrides, "trainer.max_epochs=1", "fresh=true"))
    assert (folder.path.parent / f"{folder.path.name}~1" / "summary.json").is_file()
    assert read_json(folder.certificate)["code"]["sha256"] != "0" * 64
