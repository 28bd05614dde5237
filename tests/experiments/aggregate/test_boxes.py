"""Localization over the folds' sealed boxes, by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate import boxes as compare_module
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.boxes import Boxes, compare_boxes, read_boxes, summarize_boxes
from cxr_xai.experiments.aggregate.cells import find_cells
from cxr_xai.experiments.aggregate.contrasts import Question
from cxr_xai.experiments.aggregate.refuse import Design, require_whole_design
from cxr_xai.experiments.summary import SCORES, summarize_localization
from cxr_xai.findings import BOXED


def design_of(runs: Path) -> Design:
    return require_whole_design(name_arms(find_cells(runs).cells))


def make_boxes(pairs: int = 60) -> Boxes:
    """One pair a patient, half Atelectasis, half Cardiomegaly; prior .2, ceiling .6; the first arm reaches .4."""
    scores = np.full((pairs, len(SCORES)), 0.2)
    scores[:, SCORES.index("ceiling_iou")] = 0.6
    ahead = scores.copy()
    ahead[:, SCORES.index("iou")] = 0.4
    who, finding = np.arange(pairs).astype(str), np.arange(pairs) % 2
    arms = {"ahead": ahead, "prior": scores}
    return Boxes(who, finding, np.arange(pairs) % 3, np.ones(pairs, int), arms, {"ahead": 0, "prior": 3}, {"ahead": 60, "prior": 60})  # fmt: skip  # noqa: E501


def test_each_pair_counts_once_and_dead_maps_count_zero(sound: Path) -> None:
    boxes = read_boxes(design_of(sound))["exact_cam"]
    tables = [pd.read_parquet(RunFolder(path).localization) for path in sorted(sound.glob("*-focal-*"))]
    rows = pd.concat(tables)
    assert len(boxes.patients) == len(rows)
    assert set(boxes.fold) == {0, 1, 2}
    assert boxes.dead == {"bce": int(rows["dead"].sum()), "focal": int(rows["dead"].sum())}
    expected = rows["iou"].fillna(0).mean()
    assert boxes.scores["focal"][:, SCORES.index("iou")].mean() == pytest.approx(expected)


def test_skill_by_hand() -> None:
    numbers = summarize_boxes(make_boxes(), replicates=100)
    ahead, prior = (numbers[arm] for arm in ("ahead", "prior"))
    assert ahead["macro"]["skill"]["value"] == pytest.approx(0.5)  # (.4 - .2) / (.6 - .2)
    assert prior["macro"]["skill"]["value"] == pytest.approx(0)
    assert ahead["findings"]["Cardiomegaly"]["iou"]["value"] == pytest.approx(0.4)
    assert ahead["findings"]["Cardiomegaly"]["boxes"] == 30
    assert np.isnan(ahead["findings"]["Mass"]["iou"]["value"])
    assert (ahead["macro"]["over"], prior["dead"]) == (2, 3)
    assert ahead["iou_by_fold"] == pytest.approx({"0": 0.4, "1": 0.4, "2": 0.4})


def test_a_pair_without_a_prior_keeps_its_own_scores() -> None:
    boxes = make_boxes()
    for scores in boxes.scores.values():
        scores[boxes.finding == 1, SCORES.index("prior_iou")] = np.nan
    row = summarize_boxes(boxes, replicates=100)["ahead"]["findings"][BOXED[1]]
    assert row["iou"]["value"] == pytest.approx(0.4)
    assert np.isnan(row["skill"]["value"])


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


def test_arms_scored_on_other_boxes_are_refused(copy: Path) -> None:
    path = RunFolder(next(copy.glob("*-focal-*-f1-*"))).localization
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    with pytest.raises(UserError, match="arms bce and focal were scored on other boxed studies"):
        read_boxes(design_of(copy))


def test_runs_without_boxes_have_no_localization(copy: Path) -> None:
    for path in copy.iterdir():
        RunFolder(path).localization.unlink()
    assert read_boxes(design_of(copy)) == {}


def test_the_page_and_the_runs_report_give_the_same_intervals() -> None:
    random, boxes = np.random.default_rng(0), make_boxes(80)
    scores = boxes.scores["ahead"]
    scores[:, SCORES.index("pointing")] = 1.0
    scores[:, SCORES.index("iou")] += random.normal(0, 0.05, 80)
    table = pd.DataFrame(scores, columns=list(SCORES)).assign(
        patient_id=boxes.patients,
        finding=[BOXED[f] for f in boxes.finding],
        dead=False,
        boxes=1,
        iobb=0.5,
        prior_iobb=0.5,
    )
    report, page = summarize_localization(table, 200), summarize_boxes(boxes, 200)["ahead"]
    assert page["findings"]["Atelectasis"]["pointing"] == {"value": 1, "low": 0.025 ** (1 / 40), "high": 1}
    assert page["macro"]["pointing"] == {"value": 1, "low": 0.025 ** (1 / 40), "high": 1}
    for key in ("pointing", "iou", "prior_iou", "skill"):
        assert page["macro"][key] == pytest.approx(report["macro"][key])
        assert page["findings"]["Atelectasis"][key] == pytest.approx(report["findings"]["Atelectasis"][key])


def test_a_difference_over_few_patients_is_widened(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = make_boxes(16)
    boxes.scores["ahead"][:, SCORES.index("iou")] += np.random.default_rng(0).normal(0, 0.05, 16)
    seen: dict[str, Any] = {}
    whole = compare_module.compare_arms
    monkeypatch.setattr(compare_module, "compare_arms", lambda *a, **k: seen.update(k) or whole(*a, **k))
    compare_boxes(boxes, Question([("ahead", "prior")]), 0.01, 200)
    assert seen["behind"][:2] == [8, 8]
    assert np.isinf(seen["behind"][-1]), "a mean over findings is not widened"
