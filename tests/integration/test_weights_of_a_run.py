"""A run begins with the best weights of another, and only where nobody's test films are in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import build_datamodule
from cxr_xai.experiments.run import run_training
from cxr_xai.experiments.weights import describe_weights
from cxr_xai.files import read_json

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]


def test_the_head_alone_is_trained_on_the_features_of_a_finished_run(
    finished: RunFolder, compose: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (f"model.weights={finished.best}", "finetune=head", "trainer.max_epochs=1", f"paths.outputs={tmp_path}")
    run_training(*compose(*given))
    [cell] = (tmp_path / "demo").iterdir()
    assert "-head-s0-" in cell.name
    folder = RunFolder(cell)
    weights = read_json(folder.certificate)["weights"]
    assert (weights["file"], weights["known_by"], weights["seen"]) == ("best.ckpt", "run", [])
    assert weights["trained_on"][0].startswith(f"run {finished.path.name} (phantom, split ")
    assert not [flag for flag in folder.read_summary()["flags"] if flag["name"].startswith("weights")]
    assert "trained on run" in " ".join(capsys.readouterr().out.split())
    before, after = (torch.load(one.best, weights_only=True)["state_dict"] for one in (finished, folder))
    for name, value in before.items():
        assert torch.equal(value, after[name]) == (not name.startswith("model.head")), name


def test_another_split_tears_its_patients(finished: RunFolder, compose: Compose) -> None:
    settings, _ = compose(f"model.weights={finished.best}", "split=patient")
    with pytest.raises(
        UserError, match=r"trained on \d+ patients of this run's val part; use weights of a run with the"
    ):
        describe_weights(settings, build_datamodule(settings))
