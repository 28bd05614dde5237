"""Two processes equal one: the same predictions from the same checkpoint, the same probe, one run folder."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.metrics.classification import auroc

PROJECT = Path(__file__).parents[2]
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


def launch(arguments: list[str], cwd: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    environment = {
        k: v for k, v in environment.items() if k not in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_PORT")
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def predicted(
    finished: RunFolder, small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory
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
def test_training_on_two_processes_leaves_one_whole_folder(small_overrides: list[str], tmp_path: Path) -> None:
    overrides = [
        *small_overrides,
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=1",
        "balancing=sampler",
    ]
    overrides += ["trainer.enable_progress_bar=false", f"paths.outputs={tmp_path / 'out'}"]
    launch([str(PROJECT / "scripts" / "train.py"), *overrides], PROJECT)
    [cell] = (tmp_path / "out" / "demo").iterdir()
    folder = RunFolder(cell)
    assert folder.read_summary()["epochs"] == 1
    assert not pd.read_parquet(folder.predictions).duplicated(["image_id", "finding"]).any()
    metrics = folder.read_metrics()
    assert not metrics.duplicated(["epoch", "key"]).any(), "only the first process writes"
