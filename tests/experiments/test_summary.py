"""The numbers of a run from its tables: intervals, rules for few boxes and dead maps, views."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.summary import SCORES, summarize_classification, summarize_localization, widen
from cxr_xai.findings import BOXED, FINDINGS
from cxr_xai.metrics.calibration.contract import Calibrator, Line
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.thresholds.contract import Cut


def predict(part: str, target: np.ndarray, probs: np.ndarray) -> pd.DataFrame:
    """One patient per two studies."""
    n = len(target)
    ids = [f"{part}{number:03d}" for number in range(n)]
    patients = [f"{part}{number // 2}" for number in range(n)]
    columns = [
        pd.DataFrame({"image_id": ids, "patient_id": patients, "target": target[:, k], "prob": probs[:, k]}).assign(
            calibrated=probs[:, k] / 2
        )
        for k in range(14)
    ]
    names = np.repeat(FINDINGS, n)
    return pd.concat(columns, ignore_index=True).assign(part=part, finding=names)


RULES = ["val_f1"] * 13 + ["prevalence_matched"]
DECISION = Decision(
    FINDINGS, Calibrator((Line("platt", 1.0, -0.7),) * 14), tuple(Cut(rule, 0.25) for rule in RULES), epoch=0
)


@pytest.fixture
def predictions() -> pd.DataFrame:
    """40 val and 40 test studies; in test, Hernia never occurs and the first 20 films are ranked in full error."""
    random = np.random.default_rng(0)
    target = np.tile([[0.0], [1.0]], (20, 14))
    test = target.copy()
    test[:, FINDINGS.index("Hernia")] = 0
    probs = random.uniform(0.3, 0.4, (40, 14)) + 0.3 * target
    wrong = random.uniform(0.3, 0.4, (40, 14)) - 0.3 * target
    wrong[20:] = probs[20:]
    table = pd.concat([predict("val", target, probs), predict("test", test, wrong)], ignore_index=True)
    return table.sample(frac=1, random_state=0, ignore_index=True)


def intervals(node: Any) -> Iterator[dict[str, float]]:
    if isinstance(node, dict):
        if {"value", "low", "high"} <= set(node):
            yield node
        for child in node.values():
            yield from intervals(child)


def assert_inside(node: Any) -> None:
    """Every value lies in its interval, to within rounding; undefined values apart."""
    for entry in intervals(node):
        assert np.isnan(entry["value"]) or entry["low"] - 1e-12 <= entry["value"] <= entry["high"] + 1e-12


def test_rows_become_columns_in_the_order_of_the_findings(predictions: pd.DataFrame) -> None:
    target, probs, who = widen(predictions, "test")
    assert target.shape == probs.shape == (40, 14)
    assert who["image_id"].tolist() == sorted(who["image_id"])
    assert who["patient_id"].iloc[[0, 1, 39]].tolist() == ["test0", "test0", "test19"]
    rows = predictions.set_index(["image_id", "finding"])
    assert probs[7, 3] == rows.loc[("test007", FINDINGS[3]), "prob"]
    assert target[:, FINDINGS.index("Hernia")].sum() == 0


def test_classification_of_val_and_test(predictions: pd.DataFrame) -> None:
    views = pd.Series({name: "AP" if int(name[-3:]) < 20 else "PA" for name in predictions["image_id"].unique()})
    summary = summarize_classification(predictions, views, replicates=50, decision=DECISION)
    val, test = summary["val"], summary["test"]
    assert (val["studies"], val["patients"]) == (40, 20)
    # 20 patients with a film of each kind make 10 independent pairs, all in order
    assert val["macro"]["auroc"] == {"value": 1, "low": pytest.approx(0.025 ** (1 / 10)), "high": 1, "over": 14}
    # In test the negatives of AP lie above its positives, those of PA below: by view 0 and 1.
    assert test["macro"]["auroc"]["over"] == 13, "Hernia never occurs"
    assert np.isnan(test["findings"]["Hernia"]["auroc"]["value"])
    assert test["findings"]["Mass"]["positives"] == 20
    high = pytest.approx(1 - 0.025 ** (1 / 5))
    assert test["by_view"]["AP"] == {"value": 0, "low": 0, "high": high, "over": 13, "studies": 20}
    low = pytest.approx(0.025 ** (1 / 5))
    assert test["by_view"]["PA"] == {"value": 1, "low": low, "high": 1, "over": 13, "studies": 20}
    for part in (val, test):
        for row in part["findings"].values():
            for key, ends in row["intervals"].items():
                assert np.isnan(row[key]) or ends["low"] <= row[key] + 1e-12, key
                assert np.isnan(row[key]) or ends["high"] >= row[key] - 1e-12, key
    assert test["findings"]["Mass"]["positive_patients"] == 20
    assert test["findings"]["Hernia"]["positive_patients"] == 0
    assert "low" in test["macro"]["auprc"]
    assert test["macro"]["f1"]["over"] == 13
    assert "low" in test["macro"]["f1"], "Hernia, which never occurs, is out of the mean and of its replicates"
    for part in (val, test):
        mass = part["findings"]["Mass"]
        assert (mass["threshold"], mass["threshold_rule"], mass["calibration"]) == (0.25, "val_f1", "platt")
    # calibrated are the halves: below .2 without the finding, from .3 with it, so that .25 divides val in full
    assert val["macro"]["f1"] == {"value": 1, "over": 13}
    assert val["findings"]["Hernia"]["threshold_rule"] == "prevalence_matched"
    assert val["findings"]["Mass"]["ece"] != val["findings"]["Mass"]["ece_calibrated"]
    assert np.isnan(val["macro"]["ece_shifted"]["value"]), "halves are not calibrated, so val has no prior to offer"
    assert_inside(test)
    drawn = test["findings"]["Mass"]["auroc"]
    assert drawn["low"] < drawn["value"] < drawn["high"]


def score(finding: str, number: int, **values: float) -> pd.DataFrame:
    """``number`` pairs of as many patients, a box each."""
    given = {**dict.fromkeys((*SCORES, "iobb", "prior_iobb"), 0.5), "boxes": 1, "dead": False, **values}
    patients = [str(n) for n in range(number)]
    return pd.DataFrame([given] * number).assign(finding=finding, patient_id=patients, image_id=patients)


@pytest.fixture
def scores() -> pd.DataFrame:
    """40 masses, of which 10 have dead maps; 19 nodules, all hit."""
    masses = score("Mass", 40, iou=0.4, prior_iou=0.2, ceiling_iou=0.6)
    masses.loc[30:, "dead"] = True
    masses.loc[30:, ["pointing", "energy", "iou"]] = np.nan
    nodules = score("Nodule", 19, iou=1, prior_iou=0, ceiling_iou=1)
    return pd.concat([masses, nodules], ignore_index=True)


def test_localization_counts_dead_maps_as_zero_and_few_boxes_apart(scores: pd.DataFrame) -> None:
    summary = summarize_localization(scores, replicates=200)
    mass, nodule, macro = summary["findings"]["Mass"], summary["findings"]["Nodule"], summary["macro"]
    assert list(summary["findings"]) == list(BOXED)
    assert (mass["boxes"], mass["pairs"], mass["dead"], mass["in_macro"]) == (40, 40, 10, True)
    assert mass["iou"]["value"] == pytest.approx(0.3)
    assert mass["prior_iou"]["value"] == pytest.approx(0.2)
    assert mass["skill"]["value"] == pytest.approx((0.3 - 0.2) / (0.6 - 0.2))
    assert mass["over_prior"] == pytest.approx(0.1)
    assert (nodule["boxes"], nodule["in_macro"], nodule["iou"]["value"]) == (19, False, 1)
    assert nodule["skill"]["value"] == 1
    assert macro["over"] == 1
    assert macro["iou"]["value"] == pytest.approx(0.3)
    assert macro["skill"]["value"] == pytest.approx(0.25)
    assert_inside(summary)
    assert mass["iou"]["low"] < 0.3 < mass["iou"]["high"], "dead maps come and go with their patients"


def test_live_maps_stand_beside_all(scores: pd.DataFrame) -> None:
    summary = summarize_localization(scores, replicates=20)
    assert (summary["micro"]["pairs"], summary["micro"]["dead"], summary["live"]["pairs"]) == (59, 10, 49)
    assert summary["micro"]["iou"]["value"] == pytest.approx((30 * 0.4 + 19) / 59)
    assert summary["live"]["iou"]["value"] == pytest.approx((30 * 0.4 + 19) / 49)


def test_a_finding_without_pairs_is_given_as_undefined(scores: pd.DataFrame) -> None:
    effusion = summarize_localization(scores, replicates=20)["findings"]["Effusion"]
    assert (effusion["boxes"], effusion["pairs"], effusion["in_macro"]) == (0, 0, False)
    assert np.isnan(effusion["iou"]["value"])
    assert np.isnan(effusion["skill"]["value"])


def test_a_finding_without_a_prior_keeps_its_scores(scores: pd.DataFrame) -> None:
    unplaced = score("Effusion", 5, iou=0.8, prior_iou=np.nan, prior_energy=np.nan, prior_pointing=np.nan)
    effusion = summarize_localization(pd.concat([scores, unplaced]), replicates=20)["findings"]["Effusion"]
    assert effusion["iou"]["value"] == pytest.approx(0.8)
    assert np.isnan(effusion["skill"]["value"])
    assert np.isnan(effusion["prior_iou"]["value"])


def test_no_finding_with_twenty_boxes(scores: pd.DataFrame) -> None:
    macro = summarize_localization(scores[scores["finding"] == "Nodule"], replicates=20)["macro"]
    assert macro["over"] == 0
    assert all(np.isnan(entry["value"]) for entry in intervals(macro))


def test_boxes_and_not_pairs_are_counted() -> None:
    summary = summarize_localization(score("Mass", 10, boxes=2, prior_iou=0.1), replicates=20)
    assert (summary["findings"]["Mass"]["boxes"], summary["findings"]["Mass"]["pairs"]) == (20, 10)
    assert summary["macro"]["over"] == 1


def test_dead_maps_alone_are_undefined_among_live(scores: pd.DataFrame) -> None:
    summary = summarize_localization(scores[scores["dead"]], replicates=20)
    assert (summary["micro"]["iou"]["value"], summary["live"]["pairs"]) == (0, 0)
    assert np.isnan(summary["live"]["iou"]["value"])
