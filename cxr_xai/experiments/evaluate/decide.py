"""What the run's own val says: the curves and thresholds of these weights, and val's predictions under them."""

import numpy as np
import pandas as pd

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.experiments.build import build
from cxr_xai.experiments.logits import predict_rows
from cxr_xai.experiments.reopen import Run
from cxr_xai.experiments.results import tabulate_predictions
from cxr_xai.experiments.terminal import ProgressBar
from cxr_xai.metrics.decision import Decision, fit_decision


def decide(run: Run, root: str | None, cache: str) -> tuple[Decision, pd.DataFrame]:
    """Return what val decided, and the rows of ``predictions.parquet`` of val.

    Both are read where the weights are those of the best checkpoint. Other weights have other logits, so val of the
    run's own data is predicted, and fitted to by the run's own rules.

    Args:
        run: opened.
        root: the folder of its data, None where ``config.yaml`` has it.
        cache: where films are decoded to, if the run's own place is not on this machine.

    Raises:
        UserError: the weights are others, and the run's data are out of reach.
    """
    if run.is_best:
        table = pd.read_parquet(run.folder.predictions)
        return run.decision, table[table["part"] == "val"]
    return decide_again(run, run.reach(root, cache))


def decide_again(run: Run, data: ChestXrayDataModule) -> tuple[Decision, pd.DataFrame]:
    """Predict val of the run's own data with these weights, and fit curves and thresholds to it."""
    rows = data.dataset("val").rows
    logits = predict_rows(run.predict, data, rows, run.device, ProgressBar("val of the run")).astype(np.float32)
    target = data.index.targets[rows]
    calibration, threshold = (build(run.settings[key], key) for key in ("calibration", "threshold"))
    decision = fit_decision(calibration, threshold, logits, target, int(run.summary["epochs"]) - 1)
    return decision, tabulate_predictions(data.index.studies.iloc[rows], "val", logits, target, decision)
