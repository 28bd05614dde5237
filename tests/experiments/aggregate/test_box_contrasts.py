"""Differences between arms on boxes: on all, and on those whose finding both predict."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.aggregate import box_contrasts as compare_module
from cxr_xai.experiments.aggregate.box_contrasts import compare_boxes, compare_predicted, take_predicted
from cxr_xai.experiments.aggregate.boxes import Tables
from cxr_xai.experiments.aggregate.contrasts import Question
from cxr_xai.experiments.aggregate.found import FOUND
from cxr_xai.experiments.summary import SCORES
from tests.experiments.aggregate.test_boxes import make_boxes


def test_the_difference_of_two_arms() -> None:
    boxes = make_boxes()
    boxes.scores["ahead"][:, SCORES.index("iou")] += np.random.default_rng(0).normal(0, 0.05, 60)
    question = Question([("ahead", "prior")], metric="skill", source="the plan")
    result = compare_boxes(boxes, question, margin=0.01, replicates=200)["ahead − prior"]
    skill = result["skill"]["macro"]
    assert skill["primary"]
    assert skill["value"] == pytest.approx(0.5, abs=0.05)
    assert skill["low"] > 0.4
    assert skill["p"] < 0.001
    assert result["pointing"]["macro"]["value"] == pytest.approx(0)
    assert result["iou"]["macro"]["value"] == pytest.approx(skill["value"] * 0.4)
    assert np.isnan(result["iou"]["Mass"]["value"])
    assert np.isnan(skill["p_t"])


def test_a_difference_over_few_patients_is_widened(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = make_boxes(16)
    boxes.scores["ahead"][:, SCORES.index("iou")] += np.random.default_rng(0).normal(0, 0.05, 16)
    seen: dict[str, Any] = {}
    whole = compare_module.compare_arms
    monkeypatch.setattr(compare_module, "compare_arms", lambda *a, **k: seen.update(k) or whole(*a, **k))
    compare_boxes(boxes, Question([("ahead", "prior")]), 0.01, 200)
    assert seen["behind"][:2].tolist() == [8, 8]
    assert np.isinf(seen["behind"][-1]), "a mean over findings is not widened"


def make_tables(pairs: int = 60, seeds: int = 2) -> Tables:
    """One pair a patient, two findings, two seeds; IoU .2, but .4 where ``ahead`` predicts the finding.

    ``ahead`` predicts all pairs but each sixth, ``behind`` the second half in seed 0 and the last third in seed 1.
    """
    rows = [
        {"image_id": f"{n:03d}", "patient_id": str(n), "finding": ("Atelectasis", "Cardiomegaly")[n % 2], "seed": seed}
        | dict.fromkeys([*SCORES, *FOUND], 0.2)
        | {"explainer": "exact_cam", "boxes": 1, "dead": False, "fold": 0, "ceiling_iou": 0.6, "number": n}
        for seed in range(seeds)
        for n in range(pairs)
    ]
    table = pd.DataFrame(rows)
    ahead = table.assign(pred=table["number"] % 6 != 0)
    behind = table.assign(pred=table["number"] >= np.where(table["seed"] == 0, pairs // 2, 2 * pairs // 3))
    return {"ahead": ahead.assign(iou=np.where(ahead["pred"], 0.4, 0.2)), "behind": behind}


def test_only_maps_of_findings_that_both_predict_count() -> None:
    tables = make_tables()
    taken = take_predicted(tables)
    by_hand = tables["ahead"]["pred"] & tables["behind"]["pred"]
    for arm in tables:
        assert taken[arm].index.tolist() == by_hand[by_hand].index.tolist()


def test_the_slice_both_predict_by_hand() -> None:
    question = Question([("ahead", "behind")], metric="iou", source="the plan")
    found = compare_predicted("exact_cam", make_tables(), question, 0.01, 200)["ahead − behind"]
    # of 30 to 59 without the sixths: 25; of 40 to 59: 20 - 3 (42, 48, 54)
    assert {key: found[key] for key in ("boxes", "pairs", "maps")} == {"boxes": 25, "pairs": 25, "maps": 42}
    assert (found["of_boxes"], found["of_maps"]) == (60, 120)
    ahead = found["arms"]["ahead"]
    assert ahead["micro"]["iou"]["value"] == pytest.approx(0.4)
    assert ahead["micro"]["skill"]["value"] == pytest.approx(0.5)  # (.4 - .2) / (.6 - .2)
    assert found["arms"]["behind"]["micro"]["skill"]["value"] == pytest.approx(0)
    assert ahead["macro"]["over"] == 0  # 10 and 15 boxes: no finding has 20
    assert np.isnan(ahead["macro"]["iou"]["value"])
    rows = found["differences"]
    assert rows["iou"]["micro"]["value"] == pytest.approx(0.2)
    assert rows["skill"]["micro"]["value"] == pytest.approx(0.5)
    assert rows["skill"]["Cardiomegaly"]["value"] == pytest.approx(0.5)
    assert rows["pointing"]["micro"]["value"] == pytest.approx(0)
    assert not any(row["primary"] for over in rows.values() for row in over.values())
    assert rows["iou"]["micro"]["p"] < 0.01


@pytest.mark.parametrize(("pairs", "boxes", "defined"), [(48, 20, True), (46, 19, False)])
def test_the_slice_is_undefined_below_twenty_boxes(pairs: int, boxes: int, defined: bool) -> None:
    question = Question([("ahead", "behind")])
    found = compare_predicted("exact_cam", make_tables(pairs), question, 0.01, 100)["ahead − behind"]
    assert found["boxes"] == boxes
    assert (found["arms"] is not None) == (found["differences"] is not None) == defined


def test_arms_that_predict_nothing_together_are_undefined() -> None:
    tables = make_tables()
    tables = {arm: table.assign(pred=table["pred"] & (arm == "ahead")) for arm, table in tables.items()}
    found = compare_predicted("exact_cam", tables, Question([("ahead", "behind")]), 0.01, 100)["ahead − behind"]
    assert (found["boxes"], found["of_boxes"], found["arms"]) == (0, 60, None)
