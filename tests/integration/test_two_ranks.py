"""Two processes equal one: the same predictions from the same checkpoint, the same probe, one run folder."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.metrics.classification import auroc

PROJECT = Path(__file__).parents[2]
GUIDED = ["split=patient", "split.selection=0.5", "guidance=energy", "finetune=gradual", "balancing=sampler"]
"""Boxes are rare, so some batches have none on a rank or on both; groups of layers join between epochs."""
PREDICT = """
import sys
from pathlib import Path
import pandas as pd
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.experiments.assemble import assemble, build_datamodule
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.results import decide_on_val, make_predictions

if __name__ == "__main__":
    checkpoint, out, *overrides = sys.argv[1:]
    settings, choices = compose("train", overrides)
    parts = assemble(settings, choices, RunFolder(Path(out)), build_datamodule(settings), "cell")
    parts.trainer.predict(parts.module, datamodule=parts.datamodule, ckpt_path=checkpoint, weights_only=True)
    probe = BoxProbe(parts.datamodule, parts.explainer, "sealed").explain(parts.module.model, parts.module.device, 0)
    if parts.trainer.is_global_zero:
        print("processes", parts.trainer.world_size)
        predictions = make_predictions(parts.datamodule, parts.module.gathered, decide_on_val(parts, 0))
        predictions.to_parquet(f"{out}.parquet")
        probe.scores.to_parquet(f"{out}.probe.parquet")
"""


Launch = Callable[..., str]


@pytest.fixture(scope="module")
def predicted(
    finished: RunFolder, small_overrides: list[str], launch: Launch, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Predictions and probe scores of one checkpoint, by number of processes."""
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "predict.py"
    script.write_text(PREDICT)
    found = {}
    for processes, trainer in ((1, []), (2, ["trainer=ddp", "trainer.accelerator=cpu"])):
        out = folder / str(processes)
        printed = launch([str(script), str(finished.best), str(out), *small_overrides, *trainer], folder)
        assert f"processes {processes}" in printed
        found[processes] = (pd.read_parquet(f"{out}.parquet"), pd.read_parquet(f"{out}.probe.parquet"))
    return found


def test_same_set_of_predictions(predicted: dict[int, tuple[pd.DataFrame, pd.DataFrame]]) -> None:
    keys = ["part", "image_id", "finding"]
    one, two = (table.sort_values(keys, ignore_index=True) for table, _ in predicted.values())
    pd.testing.assert_frame_equal(one[keys], two[keys])
    assert not two.duplicated(["image_id", "finding"]).any(), "padded studies are dropped"
    assert np.abs(one["logit"] - two["logit"]).max() < 1e-5


def test_identical_metrics(predicted: dict[int, tuple[pd.DataFrame, pd.DataFrame]]) -> None:
    for part in ("val", "test"):
        values = []
        for table, _ in predicted.values():
            rows = table[table["part"] == part]
            wide = [rows.pivot(index="image_id", columns="finding", values=v).to_numpy() for v in ("target", "prob")]
            values.append(auroc(*wide))
        np.testing.assert_array_equal(values[0], values[1])


def test_same_probe(predicted: dict[int, tuple[pd.DataFrame, pd.DataFrame]]) -> None:
    (_, one), (_, two) = predicted.values()
    pd.testing.assert_frame_equal(one, two, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [["balancing=sampler", "trainer.max_epochs=1"], GUIDED], ids=["plain", "guided"])
def test_training_on_two_processes_leaves_one_whole_folder(
    small_overrides: list[str], launch: Launch, tmp_path: Path, chosen: list[str]
) -> None:
    overrides = [*small_overrides, "trainer=ddp", "trainer.accelerator=cpu", *chosen]
    overrides += ["trainer.enable_progress_bar=false", f"paths.outputs={tmp_path / 'out'}"]
    launch([str(PROJECT / "scripts" / "train.py"), *overrides], PROJECT)
    [cell] = (tmp_path / "out" / "demo").iterdir()
    folder = RunFolder(cell)
    assert folder.read_summary()["epochs"] == (2 if chosen is GUIDED else 1)
    assert not pd.read_parquet(folder.predictions).duplicated(["image_id", "finding"]).any()
    metrics = folder.read_metrics()
    assert not metrics.duplicated(["epoch", "key"]).any(), "only the first process writes"
    if chosen is GUIDED:
        assert metrics.loc[metrics["key"] == "train/guided_pairs", "value"].gt(0).any()
        assert metrics.loc[metrics["key"] == "train/groups", "value"].tolist() == [1, 2]
        assert len(pd.read_csv(folder.pareto)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [["balancing=sampler"], GUIDED], ids=["plain", "guided"])
def test_two_processes_stop_together_and_go_on(
    small_overrides: list[str], launch: Launch, unlaunched: dict[str, str], tmp_path: Path, chosen: list[str]
) -> None:
    """The scheduler asks the first process only; the sums over ranks are added in another order after the cut."""
    overrides = [*small_overrides, "trainer=ddp", "trainer.accelerator=cpu", "datamodule.batch_size=2"]
    overrides += ["trainer.enable_progress_bar=false", "callbacks.checkpoint.every_n_steps=3", *chosen]
    command = [str(PROJECT / "scripts" / "train.py"), *overrides]
    launch([*command, f"paths.outputs={tmp_path / 'whole'}"], PROJECT)
    [cell] = (path.name for path in (tmp_path / "whole" / "demo").iterdir())
    whole, stopped = (RunFolder(tmp_path / name / "demo" / cell) for name in ("whole", "stopped"))
    arguments = [sys.executable, *command, f"paths.outputs={tmp_path / 'stopped'}"]
    with subprocess.Popen(arguments, cwd=PROJECT, env=unlaunched, stderr=subprocess.PIPE, text=True) as process:
        while not stopped.last.is_file() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate(timeout=400)
    assert process.returncode == 143, printed
    assert "stopped by SIGTERM (step" in printed
    assert torch.load(stopped.last, weights_only=True)["global_step"] < 30
    launch(arguments[1:], PROJECT)
    weights = [torch.load(folder.last, weights_only=True)["state_dict"] for folder in (whole, stopped)]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
    one, two = (folder.read_metrics() for folder in (whole, stopped))
    assert one[["epoch", "key"]].equals(two[["epoch", "key"]])
    same = ~one["key"].isin(["probe/seconds", "probe/share_of_epoch"])
    np.testing.assert_allclose(one["value"][same], two["value"][same], rtol=1e-5)
