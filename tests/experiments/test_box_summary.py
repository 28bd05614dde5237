"""Curves, agreement, other thresholds and slices of hand-made scores."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.callbacks.box_probe import POLICY_SCORES
from cxr_xai.experiments.box_summary import (
    summarize_agreement,
    summarize_curves,
    summarize_policies,
    summarize_wang,
)
from cxr_xai.experiments.summary import SCORES, summarize_localization


@pytest.fixture
def scores() -> pd.DataFrame:
    """40 masses, of which 10 are dead and 10 of low IoU; 10 nodules, all hit, without a prior."""
    columns = (*SCORES, "iobb", "prior_iobb", *POLICY_SCORES, *(f"prior_{key}" for key in POLICY_SCORES))
    given = {**dict.fromkeys(columns, 0.45), "boxes": 1, "dead": False, "pointing": 1.0}
    table = pd.DataFrame([given] * 50).assign(
        finding=["Mass"] * 40 + ["Nodule"] * 10,
        patient_id=[str(n) for n in range(50)],
        image_id=[f"{n}.png" for n in range(50)],
    )
    own = ["pointing", "energy", "iou", "iobb", *POLICY_SCORES]
    table["prior_pointing"] = 0.0
    table.loc[:9, "dead"], table.loc[:9, own] = True, np.nan
    table.loc[10:19, ["iou", "iobb"]] = 0.05
    table.loc[40:, [name for name in table.columns if name.startswith("prior_")]] = np.nan
    table["ceiling_iou"] = 0.65
    return table


def values(entries: list[dict[str, float]]) -> list[float]:
    return [entry["value"] for entry in entries]


def test_curves_count_dead_maps_as_not_found(scores: pd.DataFrame) -> None:
    curves = summarize_curves(scores, 50)
    iou = curves["iou"]
    assert values(iou["findings"]["Mass"]["run"]) == [0.5] * 4 + [0] * 3
    assert values(iou["macro"]["run"]) == [0.5] * 4 + [0] * 3, "nodules are too few to count"
    assert values(iou["micro"]["run"]) == pytest.approx([0.6] * 4 + [0] * 3)
    assert values(iou["macro"]["prior"]) == [1] * 4 + [0] * 3
    assert values(iou["macro"]["ceiling"]) == [1] * 6 + [0]
    assert np.isnan(values(iou["findings"]["Nodule"]["prior"])).all()
    assert set(curves["iobb"]["macro"]) == {"run", "prior"}


def test_agreement_asks_for_overlap_and_peak(scores: pd.DataFrame) -> None:
    share = summarize_agreement(scores, 200)
    assert (share["value"], share["pairs"]) == (pytest.approx(30 / 50), 50)
    assert share["low"] < 0.6 < share["high"]
    assert (share["prior"]["value"], share["prior"]["pairs"]) == (0, 40), "its peak is never inside"


def test_policies_stand_beside_the_prior_by_the_same(scores: pd.DataFrame) -> None:
    policies = summarize_policies(scores, 20)
    assert list(policies) == ["fixed", "quantile", "otsu", "cross_fitted"]
    assert policies["otsu"]["macro"]["value"] == pytest.approx(0.45 * 30 / 40)
    assert policies["otsu"]["macro"]["prior"]["value"] == pytest.approx(0.45)
    assert list(summarize_policies(scores.drop(columns=list(POLICY_SCORES)), 20)) == ["fixed"]


def test_wang(scores: pd.DataFrame) -> None:
    found = summarize_wang(scores, 20)
    assert found is not None
    assert values(found["iou"]["run"]) == [0.75] * 4 + [0] * 3
    assert found["false_positives"]["value"] == pytest.approx(0.45)
    assert summarize_wang(scores.assign(wang_iou=np.nan), 20) is None


def test_the_slice_of_predicted_findings(scores: pd.DataFrame) -> None:
    chosen = {(f"{n}.png", "Mass") for n in range(15, 40)} | {("41.png", "Mass")}
    summary = summarize_localization(scores, 20, chosen)
    assert summary["micro"]["pairs"] == 50
    predicted = summary["predicted"]
    assert (predicted["micro"]["pairs"], predicted["macro"]["over"]) == (25, 1)
    assert predicted["micro"]["iou"]["value"] == pytest.approx((5 * 0.05 + 20 * 0.45) / 25)
    assert "predicted" not in summarize_localization(scores, 20)
    assert summarize_localization(scores, 20, set())["predicted"]["micro"]["pairs"] == 0


def test_skill_in_energy(scores: pd.DataFrame) -> None:
    table = scores.assign(prior_energy=0.2, ceiling_energy=0.8).assign(energy=0.5)
    table = table[~table["dead"]]
    assert summarize_localization(table, 20)["macro"]["energy_skill"]["value"] == pytest.approx(0.5)
