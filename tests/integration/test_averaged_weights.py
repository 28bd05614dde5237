"""A run with averaged weights: whatever looks at it sees the average, and nothing else of the run changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.checkpoint import AVERAGE
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.reopen import load_model, read_settings
from cxr_xai.experiments.run import run_training
from cxr_xai.experiments.verification.evidence import read_evidence
from cxr_xai.experiments.verify import verify
from cxr_xai.explainers.exact_cam import ExactCam

PROJECT = Path(__file__).parents[2]
Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]


@pytest.fixture(scope="module")
def averaged(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    settings, choices = compose(
        "callbacks=ema", "callbacks.ema.decay=0.9", f"paths.outputs={tmp_path_factory.mktemp('ema')}"
    )
    run_training(settings, choices)
    return RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / name_cell(settings, choices))


def test_raw_weights_train_as_if_nobody_averaged(averaged: RunFolder, finished: RunFolder) -> None:
    one, other = (torch.load(folder.last, weights_only=True)["state_dict"] for folder in (averaged, finished))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_reopened_run_has_the_average(averaged: RunFolder) -> None:
    settings = read_settings(averaged)
    best, last = (torch.load(path, weights_only=True) for path in (averaged.best, averaged.last))
    assert not torch.equal(last[AVERAGE]["model.head.weight"], last["state_dict"]["model.head.weight"])
    for path, average in ((None, best["state_dict"]), (averaged.last, last[AVERAGE])):
        for name, value in load_model(averaged, settings, path).state_dict().items():
            assert torch.equal(value, average[f"model.{name}"]), name


def test_epoch_maps_and_predictions_are_of_the_average(averaged: RunFolder) -> None:
    evidence = read_evidence(averaged, None, "")
    assert evidence.data is not None
    model, epoch = load_model(averaged, evidence.settings), evidence.summary["best_epoch"]
    with np.load(averaged.explanations("exact_cam") / f"monitored-e{epoch:03d}.npz") as stored:
        names, maps = stored["image_id"], stored["attribution"]
    images = evidence.data.index.studies["image_id"].to_numpy(str)
    rows = np.array([np.flatnonzero(images == name)[0] for name in names])
    batch = evidence.data.plain(evidence.data.dataset_of(rows).batch(rows), 0)
    again = ExactCam().explain(model, batch.image)
    np.testing.assert_allclose(maps, again.attribution, atol=1e-5)
    outcomes = {check.name: check.outcome for check in verify(evidence, recompute=True)}
    assert outcomes["logits again"] == outcomes["maps again"] == "holds"
    val = pd.read_parquet(averaged.predictions).query("part == 'val'").pivot(index="image_id", columns="finding")
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        *(torch.tensor(val[key].to_numpy(np.float64)) for key in ("logit", "target"))
    )
    logged = averaged.read_metrics().query("key == 'val/loss'").set_index("epoch")["value"]
    assert logged.loc[epoch] == pytest.approx(loss.item(), rel=1e-5), "validation saw the same weights"


CHECK = """
from cxr_xai.callbacks.ema import Ema, weights_of
from cxr_xai.callbacks.ranks import gather
from cxr_xai.experiments.command import command
from cxr_xai.experiments.run import run_training
put_in = Ema._put_in

def checked(self, module):
    put_in(self, module)
    hashes = gather({name: value.double().sum().item() for name, value in weights_of(module).items()})
    assert hashes[0] == hashes[1], "ranks validate different weights"
    print("agreed", flush=True)

Ema._put_in = checked
main = command("train")(run_training)
if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_two_ranks_validate_and_explain_the_same_average(
    small_overrides: list[str], launch: Callable[..., str], tmp_path: Path
) -> None:
    script = tmp_path / "check.py"
    script.write_text(CHECK)
    command = [str(script), *small_overrides, "callbacks=ema"]
    command += ["trainer=ddp", "trainer.accelerator=cpu", "callbacks.progress=null", f"paths.outputs={tmp_path}"]
    printed = launch(command, PROJECT, timeout=600)
    assert printed.count("agreed") == 2 * 4, "two epochs on two ranks, validated and explained"
