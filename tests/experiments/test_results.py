"""Predictions decided at thresholds from val, and the scalars that loggers show."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PREDICTION_COLUMNS
from cxr_xai.experiments.results import decide_on_val, flatten, make_predictions, stopped_early, summarize_maps
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.platt import Platt, fit_platt
from cxr_xai.metrics.thresholds.f1 import BestF1

DATA = SimpleNamespace(
    index=SimpleNamespace(studies=pd.DataFrame({"image_id": list("abcdefg"), "patient_id": list("1123345")}))
)


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Val is rows 0, 2, 3, 4 with two positives each; in Hernia nothing is known. Test is rows 5 and 6."""
    val = torch.tensor([2.0, -1.0, 1.0, 3.0])[:, None].repeat(1, 14)
    target = torch.tensor([1.0, 0.0, 1.0, 0.0])[:, None].repeat(1, 14)
    target[:, 13] = torch.nan
    test = torch.tensor([1.5, 2.0])[:, None].repeat(1, 14)
    gathered = [(torch.tensor([0, 2, 3, 4]), val, target), (torch.tensor([5, 6]), test, torch.ones(2, 14))]
    calibration, threshold = Platt(min_support=2), BestF1()
    parts = SimpleNamespace(module=SimpleNamespace(gathered=gathered), calibration=calibration, threshold=threshold)
    return make_predictions(DATA, gathered, decide_on_val(parts, epoch=3))


def test_one_row_per_study_and_finding(predictions: pd.DataFrame) -> None:
    assert len(predictions) == 6 * 14
    assert set(PREDICTION_COLUMNS) <= set(predictions.columns)
    assert not predictions.duplicated(["image_id", "finding"]).any()
    row = predictions[(predictions["image_id"] == "d") & (predictions["finding"] == "Mass")].iloc[0]
    assert (row["patient_id"], row["part"], row["target"], row["logit"]) == ("3", "val", 1, 1)
    assert row["prob"] == pytest.approx(0.7310585786)


def test_thresholds_come_from_val(predictions: pd.DataFrame) -> None:
    # Two of val are positive, so the cut that predicts two: at logit 2, whether or not those two are right.
    mass = predictions[predictions["finding"] == "Mass"].set_index("image_id")["pred"]
    assert mass[["a", "c", "d", "e"]].tolist() == [1, 0, 0, 1]
    assert mass[["f", "g"]].tolist() == [0, 1], "the targets of test move nothing; a probability at the cut counts"


def test_curves_come_from_val(predictions: pd.DataFrame) -> None:
    curve = fit_platt(np.array([1.0, 0.0, 1.0, 0.0]), np.array([2.0, -1.0, 1.0, 3.0]))
    mass = predictions[predictions["finding"] == "Mass"]
    np.testing.assert_array_equal(mass["calibrated"], curve.apply(mass["logit"].to_numpy(np.float64)))
    assert not np.allclose(mass["calibrated"], mass["prob"])


def test_without_known_labels_in_val_nothing_is_predicted(predictions: pd.DataFrame) -> None:
    assert predictions.loc[predictions["finding"] == "Hernia", "pred"].sum() == 0


def test_scalars_for_loggers() -> None:
    entry = {"value": 0.7, "low": 0.6, "high": 0.8}
    test = {"findings": {name: {"auroc": entry} for name in FINDINGS}, "macro": {"auroc": {**entry, "value": 0.75}}}
    row = dict.fromkeys(("pointing", "energy", "iou", "skill"), entry)
    means = {"skill": {"value": 0.1, "low": 0.0, "high": None}}
    counts = {"pairs": 8, "dead": 2}
    sealed = {"findings": {"Mass": {**row, "skill": {**entry, "value": 0.2}}}, "macro": means, "micro": counts}
    monitored = {"findings": {"Nodule": row}, "macro": {"skill": {"value": 9.0}}}
    summary = {"classification": {"test": test}, "localization": {"x": {"sealed": sealed, "monitored": monitored}}}
    scalars = flatten(summary)
    assert len(scalars) == 14 + 3 + 4 + 3 + 2
    assert scalars["test/auroc/macro/low"] == 0.6
    assert np.isnan(scalars["sealed/skill/macro/high"])
    assert (scalars["sealed/pairs"], scalars["sealed/dead"]) == (8, 0.25)
    assert scalars["test/auroc/Hernia"] == 0.7
    assert scalars["test/auroc/macro"] == 0.75
    assert scalars["sealed/iou/Mass"] == 0.7
    assert scalars["sealed/skill/Mass"] == 0.2
    assert scalars["sealed/skill/macro"] == 0.1
    without = flatten({**summary, "localization": {"x": {"monitored": monitored}}})
    assert all(key.startswith("test/") for key in without)


def test_only_early_stopping_stops_early() -> None:
    stopping = EarlyStopping("val/loss")
    assert not stopped_early([stopping]), "it was there, and did nothing"
    stopping.stopped_epoch = 3
    assert stopped_early([object(), stopping])


def test_the_largest_residual_of_each_half(predictions: pd.DataFrame) -> None:
    row = dict.fromkeys(LOCALIZATION_COLUMNS, 0.5) | {"finding": "Mass", "boxes": 1, "dead": False}
    rows = [
        row
        | {"explainer": name, "half": "sealed", "epoch": 1, "image_id": image, "patient_id": image, "residual": apart}
        for name, values in (("exact_cam", (-2e-6, 1e-6)), ("edges", (np.nan, np.nan)))
        for image, apart in zip("fg", values, strict=True)
    ]
    summary = summarize_maps(pd.DataFrame(rows), 20, predictions, None)
    assert summary["exact_cam"]["sealed"]["largest_residual"] == 2e-6
    assert np.isnan(summary["edges"]["sealed"]["largest_residual"]), "it promises nothing"
