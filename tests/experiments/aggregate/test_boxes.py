"""Localization over the folds' sealed boxes, by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.boxes import Boxes, join_boxes, read_tables, shared_explainers, summarize_boxes
from cxr_xai.experiments.aggregate.cells import find_cells
from cxr_xai.experiments.aggregate.found import FOUND
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
    fold, one = np.arange(pairs) % 3, np.ones(pairs, int)
    dead, maps = {"ahead": 0, "prior": 3}, {"ahead": 60, "prior": 60}
    shares = dict.fromkeys(arms, np.full((pairs, len(FOUND)), 0.5))
    return Boxes(who, finding, fold, one, arms, dead, maps, shares)


def test_each_pair_counts_once_and_dead_maps_count_zero(sound: Path) -> None:
    boxes = join_boxes("exact_cam", read_tables(design_of(sound)))
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


def test_arms_scored_on_other_boxes_are_refused(copy: Path) -> None:
    path = RunFolder(next(copy.glob("*-focal-*-f1-*"))).localization
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    with pytest.raises(UserError, match="arms bce and focal were scored on other boxed studies"):
        join_boxes("exact_cam", read_tables(design_of(copy)))


def test_boxes_of_a_study_that_was_not_predicted_are_refused(copy: Path) -> None:
    path = RunFolder(next(copy.glob("*-focal-*-f1-*")))
    image = pd.read_parquet(path.localization)["image_id"].iloc[0]
    preds = pd.read_parquet(path.predictions)
    preds[preds["image_id"] != image].to_parquet(path.predictions)
    with pytest.raises(UserError, match=f"scored on the boxes of {image}, which it did not predict"):
        read_tables(design_of(copy))


def test_runs_without_boxes_have_no_localization(copy: Path) -> None:
    for path in copy.iterdir():
        RunFolder(path).localization.unlink()
    assert shared_explainers(read_tables(design_of(copy))) == []


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
