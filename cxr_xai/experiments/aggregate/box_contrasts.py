"""Arms against each other on boxes: on all of them, and on those whose finding both arms predict."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.experiments.aggregate.boxes import (
    Boxes,
    Tables,
    behind,
    join_boxes,
    shared_explainers,
    summarize_boxes,
    weigh,
    with_mean,
)
from cxr_xai.experiments.aggregate.contrasts import Contrasts, Question, add, name_of
from cxr_xai.experiments.box_summary import MIN_BOXES
from cxr_xai.experiments.summary import SCORES
from cxr_xai.stats.bootstrap import draw_patient_counts, means_behind
from cxr_xai.stats.compare import MACRO, compare_arms
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.statistic import mean_measure

Floats = npt.NDArray[np.float64]
COMPARED = ("pointing", "energy", "iou", "skill")
MICRO = "micro"
"""Over pairs instead of over findings."""
MODEL = ["seed", "fold", "image_id", "finding"]
"""What names a map of an arm."""


def summarize_all_boxes(
    tables: Tables, question: Question, replicates: int, margin: float
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return explainer → arm → numbers, explainer → contrast → score → differences, and what both arms predict.

    Raises:
        UserError: arms were scored on other pairs.
    """
    explainers = shared_explainers(tables)
    boxes = {explainer: join_boxes(explainer, tables) for explainer in explainers}
    summaries = {explainer: summarize_boxes(table, replicates) for explainer, table in boxes.items()}
    contrasts = {name: compare_boxes(table, question, margin, replicates) for name, table in boxes.items()}
    both = {name: compare_predicted(name, tables, question, margin, replicates) for name in explainers}
    return summaries, contrasts, both


def compare_boxes(boxes: Boxes, question: Question, margin: float, replicates: int) -> Contrasts:
    """Return contrast → score → ``macro`` or finding → difference, as `contrasts.compare` does.

    Boxed pairs of all folds are averaged together (a score is of one map, so that pairs of different models may be),
    and there is no t-test over folds: a fold has too few boxes of a finding.
    """
    return _compare({name_of(pair): boxes for pair in question.contrasts}, question, margin, replicates)


def compare_predicted(
    explainer: str, tables: Tables, question: Question, margin: float, replicates: int
) -> dict[str, Any]:
    """Return contrast → the same on boxes whose finding both arms predict; secondary, whatever the question declares.

    A map counts where its run and the other arm's run of the same seed and fold both predict the finding, each at its
    own threshold. Which boxes remain depends on both networks: the slice is the easier part for them.

    Returns:
        contrast → ``boxes pairs maps`` that remain, ``of_boxes of_maps``; ``arms`` → ``macro`` and ``micro`` of the
        scores and skill, and ``differences``: score → ``macro``, ``micro`` or finding → difference. Both are None with
        fewer than 20 boxes.
    """
    found: dict[str, Any] = {}
    enough: dict[str, Boxes] = {}
    for pair in question.contrasts:
        both = {arm: tables[arm][tables[arm]["explainer"] == explainer] for arm in pair}
        boxes = join_boxes(explainer, take_predicted(both))
        first = both[pair[0]]
        remain = {"boxes": int(boxes.number.sum()), "pairs": len(boxes.patients), "maps": boxes.maps[pair[0]]}
        whole = first.drop_duplicates(["image_id", "finding"])["boxes"].sum()
        found[name_of(pair)] = {**remain, "of_boxes": int(whole), "of_maps": len(first)}
        found[name_of(pair)] |= {"arms": None, "differences": None}
        if remain["boxes"] >= MIN_BOXES:
            enough[name_of(pair)] = boxes
    compared = _compare(enough, replace(question, source=""), margin, replicates, micro=True)
    for name, boxes in enough.items():
        found[name] |= {"arms": _summarize_arms(boxes, replicates), "differences": compared[name]}
    return found


def take_predicted(tables: Tables) -> Tables:
    """Return the rows of two arms whose finding the runs of both predict, seed by seed and fold by fold.

    >>> row = {"seed": 0, "fold": 0, "image_id": "a", "finding": "Mass"}
    >>> arms = {arm: pd.DataFrame([row | {"pred": pred}]) for arm, pred in (("one", True), ("other", False))}
    >>> [len(rows) for rows in take_predicted(arms).values()]
    [0, 0]
    """
    said = [pd.MultiIndex.from_frame(table.loc[table["pred"].astype(bool), MODEL]) for table in tables.values()]
    both = said[0].intersection(said[1])
    return {arm: table[pd.MultiIndex.from_frame(table[MODEL]).isin(both)] for arm, table in tables.items()}


def _summarize_arms(boxes: Boxes, replicates: int) -> dict[str, Any]:
    counts, codes = draw_patient_counts(boxes.patients, replicates, 0)
    once, one = np.ones((1, counts.shape[1])), replace(boxes, finding=np.zeros_like(boxes.finding))
    arms = {}
    for arm, scores in boxes.scores.items():
        rows: dict[str, dict[str, Any]] = {}
        for name, table, row in ((MACRO, boxes, -1), (MICRO, one, 0)):  # all pairs as if of one finding
            value, drawn = (weigh(table, scores, weights, codes)[:, row] for weights in (once, counts))
            units, sizes = (each[row] for each in behind(table, scores, codes))
            ends = interval(value[0], drawn, None, "percentile", 0.95, units, sizes)
            rows[name] = {
                key: {"value": float(value[0, c]), "low": float(ends.low[c]), "high": float(ends.high[c])}
                for c, key in enumerate((*SCORES, "skill"))
            }
        rows[MACRO]["over"] = int((boxes.number >= MIN_BOXES).sum())
        arms[arm] = rows
    return arms


def _compare(
    by_contrast: Mapping[str, Boxes], question: Question, margin: float, replicates: int, micro: bool = False
) -> Contrasts:
    """Compare on the boxes of each contrast; with ``micro``, over pairs too."""
    result: Contrasts = {name: {} for name in by_contrast}
    pairs = {name_of(pair): pair for pair in question.contrasts}
    for key in COMPARED:
        columns = [SCORES.index(c) for c in (("iou", "prior_iou", "ceiling_iou") if key == "skill" else (key,))]
        tables = {}
        for name, boxes in by_contrast.items():
            first, second = (_twice(boxes.scores[arm][:, columns], micro) for arm in pairs[name])
            finding = np.append(boxes.finding, np.full(len(first) - len(boxes.finding), len(boxes.names)))
            patients = np.resize(boxes.patients, len(first))
            groups = len(boxes.names) + micro
            codes = np.unique(patients, return_inverse=True)[1]
            sizes = means_behind(first, finding, codes, groups)[1][:, 0]
            tables[name] = compare_arms(
                finding[:, None].astype(np.float64),
                [first],
                [second],
                patients,
                mean_measure(groups, lambda means, number=boxes.number: _rows(means, number)),  # type: ignore[misc]
                margin,
                contrasts=len(by_contrast),
                replicates=replicates,
                alpha=question.alpha,
                names=(*boxes.names, MACRO, *([MICRO] if micro else [])),
                behind=np.insert(sizes, len(boxes.names), np.inf),
            )
        add(result, tables, question, key)
    return result


def _twice(scores: Floats, micro: bool) -> Floats:
    """Put all rows below themselves, where they stand for the group of all pairs."""
    return np.concatenate([scores, scores]) if micro else scores


def _rows(means: Floats, number: Floats) -> Floats:
    """``(B, F, C)`` means of findings, or with all pairs as one more group → findings, their mean, all pairs."""
    each = with_mean(means[:, : len(number)], number)
    whole = means[:, len(number) :]
    return np.concatenate([each, with_mean(whole, np.zeros(1))[:, :1]], axis=1) if whole.shape[1] else each
