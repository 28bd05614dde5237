"""Agreement and T(IoU) over folds and seeds, by hand."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.aggregate.found import FOUND, Judged, judge, summarize_found
from cxr_xai.experiments.box_summary import summarize_agreement, summarize_curves
from cxr_xai.findings import BOXED


def make_rows(pairs: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {f"{line}{key}": rng.random(pairs) for line in ("", "prior_") for key in ("iou", "iobb", "pointing")}
    table = pd.DataFrame(columns | {"ceiling_iou": rng.random(pairs)})
    return table.assign(
        patient_id=[str(n) for n in range(pairs)], finding=[BOXED[n % 2] for n in range(pairs)], boxes=1
    )


def make_judged(table: pd.DataFrame, fold: np.ndarray) -> Judged:
    finding = np.array([BOXED.index(name) for name in table["finding"]])
    shares, patients = judge(table).to_numpy(np.float64), table["patient_id"].to_numpy(str)
    return Judged(shares, finding, fold, patients, np.bincount(finding, minlength=len(BOXED)).astype(float))


def test_each_map_is_judged_on_its_own() -> None:
    table = pd.DataFrame(
        {
            "iou": [0.15, np.nan, 0.05],
            "pointing": [1.0, np.nan, 1.0],
            "prior_iou": [0.35, np.nan, 0.2],
            "prior_pointing": [0.0, np.nan, 1.0],
            "ceiling_iou": [0.8, 0.65, 0.7],
        }
    )
    found = judge(table)
    assert list(found) == list(FOUND)
    assert found["run agreement"].tolist() == [1, 0, 0]  # dead: nothing; below .1: nothing
    assert found["run above 0.1"].tolist() == [1, 0, 0]
    np.testing.assert_array_equal(found["prior agreement"], [0, np.nan, 1])
    np.testing.assert_array_equal(found["prior above 0.3"], [1, np.nan, 0])
    assert found["ceiling above 0.7"].tolist() == [1, 0, 0]
    assert found["ceiling agreement"].isna().all()


def test_one_fold_is_what_a_runs_own_report_says() -> None:
    table = make_rows()
    found = summarize_found(make_judged(table, np.zeros(60, int)), 200)
    curves, agreement = summarize_curves(table, 200), summarize_agreement(table, 200)
    for part in ("macro", "micro"):
        for line in ("run", "prior", "ceiling"):
            mine, theirs = (c["iou"][part][line] for c in (found["curves"], curves))
            assert [one["value"] for one in mine] == pytest.approx([one["value"] for one in theirs])
            assert [one["low"] for one in mine] == pytest.approx([one["low"] for one in theirs], abs=0.06)
    assert found["agreement"]["value"] == pytest.approx(agreement["value"])
    assert found["agreement"]["prior"]["value"] == pytest.approx(agreement["prior"]["value"])
    assert found["agreement"]["findings"]["Atelectasis"]["value"] == pytest.approx(
        agreement["findings"]["Atelectasis"]["value"]
    )
    assert "sd" not in found["agreement"]


def test_folds_count_the_same_whatever_their_boxes() -> None:
    """Fold 0 has 10 boxes, all agreed on; fold 1 has 50, none: the mean is a half, and not a sixth."""
    table = make_rows()
    fold = np.repeat([0, 1], [10, 50])
    table["iou"], table["pointing"] = np.where(fold == 0, 0.5, 0.0), 1.0
    found = summarize_found(make_judged(table, fold), 200)["agreement"]
    assert found["by_fold"] == {"0": 1.0, "1": 0.0}
    assert found["value"] == pytest.approx(0.5)
    assert found["sd"] == pytest.approx(np.sqrt(0.5))
    assert (found["low"], found["high"]) == (0.5, 0.5)  # patients are drawn within folds, all alike there


def test_a_perfect_agreement_has_an_exact_bound() -> None:
    table = make_rows()
    table["iou"], table["pointing"] = 0.9, 1.0
    found = summarize_found(make_judged(table, np.arange(60) % 3), 100)["agreement"]
    assert found["value"] == found["high"] == 1
    assert found["low"] == pytest.approx(0.025 ** (1 / 60))
    assert found["macro"]["low"] < found["low"]  # the weakest finding has half of the patients


def test_without_a_prior_its_agreement_is_undefined_and_the_arms_own_is_not() -> None:
    table = make_rows()
    table["prior_iou"] = table["prior_pointing"] = np.nan
    found = summarize_found(make_judged(table, np.zeros(60, int)), 100)["agreement"]
    assert np.isnan(found["prior"]["value"])
    assert found["prior"]["pairs"] == 0
    assert found["pairs"] == 60
    assert found["value"] > 0


def test_curves_fall() -> None:
    found = summarize_found(make_judged(make_rows(), np.arange(60) % 2), 100)
    values = [one["value"] for one in found["curves"]["iou"]["macro"]["run"]]
    assert values == sorted(values, reverse=True)
    assert np.isnan(found["curves"]["iou"]["findings"]["Mass"]["run"][0]["value"])
