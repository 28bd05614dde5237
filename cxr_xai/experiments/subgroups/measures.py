"""What is measured of a group of studies or boxes: each metric's numbers, and what it takes to have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_xai.experiments.box_summary import number_findings
from cxr_xai.experiments.subgroups.read import Judged
from cxr_xai.findings import BOXED, FINDINGS
from cxr_xai.metrics.skill import macro_skill, skill
from cxr_xai.stats.bootstrap import draw_patient_counts
from cxr_xai.stats.clusters import effective_patients
from cxr_xai.stats.subsets import Masks, Subsets, auroc_subsets, ece_subsets, ratio_subsets
from cxr_xai.stats.weightings import Codes, Floats, Weights, mean_defined

MIN_CASES = 20
"""Positives, negatives or boxes that a group must have of a finding to be compared; fewer are printed and marked."""
MIN_PATIENTS = 10
"""Patients behind them: with fewer neither intervals nor tests were simulated."""


@dataclass(frozen=True)
class Metric:
    """One metric of groups.

    Attributes:
        words: its name for people.
        of: judged are ``studies`` or ``boxes``.
        needs: of which a group must have `MIN_CASES`: ``positives``, ``negatives``, ``boxes``.
        better: which way is better; ``zero`` for errors with a sign.
        tested: whether gaps get p values; no for what is larger in small groups by noise alone.
        bounded: whether it lies between 0 and 1.
    """

    words: str
    of: Literal["studies", "boxes"]
    needs: tuple[str, ...]
    better: Literal["high", "low", "zero"]
    tested: bool = True
    bounded: bool = True


_BOTH = ("positives", "negatives")
METRICS: Mapping[str, Metric] = {
    "auroc": Metric("AUROC", "studies", _BOTH, "high"),
    "auroc_positives": Metric("AUROC of its positives against all negatives", "studies", ("positives",), "high"),
    "fnr": Metric("false negative rate", "studies", ("positives",), "low"),
    "fpr": Metric("false positive rate", "studies", ("negatives",), "low"),
    "citl": Metric("calibration in the large", "studies", _BOTH, "zero", bounded=False),
    "brier": Metric("Brier score, calibrated", "studies", _BOTH, "low"),
    "ece": Metric("ECE, calibrated", "studies", _BOTH, "low", tested=False),
    "iou": Metric("IoU", "boxes", ("boxes",), "high"),
    "energy": Metric("energy in box", "boxes", ("boxes",), "high"),
    "pointing": Metric("pointing game", "boxes", ("boxes",), "high"),
    "skill": Metric("skill of IoU", "boxes", ("boxes",), "high", bounded=False),
}
"""``citl`` is the mean of calibrated probability - label; the true positive rate is 1 - ``fnr``."""
SCORED = {"calibrated": ("citl", "brier", "ece"), "pred": ("fnr", "fpr"), "prob": ("auroc", "auroc_positives")}


class Fold(NamedTuple):
    """Rows of studies or boxes whose patients are drawn together.

    Attributes:
        rows: ``(N,)`` which.
        codes: of these rows, the patient's column in the weights.
        weights: ``(B, P)`` draws.
    """

    rows: npt.NDArray[np.bool_]
    codes: Codes
    weights: Weights


def draw_folds(judged: Judged, of: str, replicates: int, seed: int = 0) -> list[Fold]:
    """Draw patients within each fold; boxes of all folds are drawn together, since a score is of one map.

    Every attribute, metric and group is weighted by the same draws.
    """
    patients = judged.patients if of == "studies" else judged.boxes["patient_id"].to_numpy(str)
    fold = judged.fold if of == "studies" else np.zeros(len(patients), np.int64)
    folds = []
    for number in np.unique(fold):
        rows = fold == number
        counts, codes = draw_patient_counts(patients[rows], replicates, (seed, int(number)))
        folds.append(Fold(rows, codes, counts))
    return folds


def measured(judged: Judged) -> list[str]:
    """Return the metrics that scores and boxes allow."""
    names = [name for kind, of in SCORED.items() if kind in judged.scores for name in of]
    names += [name for name, metric in METRICS.items() if metric.of == "boxes"] if len(judged.boxes) else []
    return [name for name in METRICS if name in names]


def names_of(metric: str) -> tuple[str, ...]:
    """Return the findings of a metric's columns."""
    return FINDINGS if METRICS[metric].of == "studies" else BOXED


def measure(metric: str, judged: Judged, masks: Masks, folds: Sequence[Fold]) -> list[Subsets]:
    """Measure groups within each fold, means over seeds.

    Args:
        metric: one of `METRICS`.
        judged: what was said.
        masks: ``(M, N)`` groups of studies, or of boxed pairs.
        folds: from `draw_folds`.

    Returns:
        a fold's ``(M, R)`` numbers: ``R`` is ``K``, for skill ``3 F`` (own, prior, ceiling).
    """
    if METRICS[metric].of == "boxes":
        numerator, denominator = _box_columns(metric, judged)
        return [ratio_subsets(numerator, denominator, masks, fold.codes, fold.weights) for fold in folds]
    kind = next(kind for kind, names in SCORED.items() if metric in names)
    parts = []
    for rows, codes, weights in folds:
        seeds = [_of_model(metric, judged.target[rows], model[rows], masks[:, rows], codes, weights)
                 for model in judged.scores[kind]]  # fmt: skip
        parts.append(Subsets(*(np.mean(np.stack(each), axis=0) for each in zip(*seeds, strict=True))))
    return parts


def _of_model(metric: str, target: Floats, score: Floats, masks: Masks, codes: Codes, weights: Weights) -> Subsets:
    if metric in ("auroc", "auroc_positives"):
        return auroc_subsets(target, score, masks, codes, weights, all_negatives=metric == "auroc_positives")
    if metric == "ece":
        return ece_subsets(target, score, masks, codes, weights)
    known = ~np.isnan(target)
    y = np.where(known, target, 0)
    counted = {"fnr": known & (y == 1), "fpr": known & (y == 0)}.get(metric, known)
    value = {"fnr": 1 - score, "fpr": score, "citl": score - y, "brier": (score - y) ** 2}[metric]
    return ratio_subsets(np.where(counted, value, 0), counted.astype(np.float64), masks, codes, weights)


def _box_columns(metric: str, judged: Judged) -> tuple[Floats, Floats]:
    keys = ("iou", "prior_iou", "ceiling_iou") if metric == "skill" else (metric,)
    values = judged.boxes[list(keys)].to_numpy(np.float64)
    known = ~np.isnan(values).any(axis=1)
    mine = (number_findings(judged.boxes)[:, None] == np.arange(len(BOXED))) & known[:, None]
    numerator = np.concatenate([np.where(mine, column[:, None], 0) for column in values.T], axis=1)
    return numerator, np.tile(mine, len(keys)).astype(np.float64)


def columns(metric: str, numbers: Floats, counted: npt.NDArray[np.bool_]) -> Floats:
    """Return ``(…, K + 1)``: a number per finding, and their mean over the counted ones that are defined.

    Args:
        metric: one of `METRICS`.
        numbers: ``(…, R)`` of `measure`.
        counted: ``(K,)``.
    """
    if metric == "skill":
        method, prior, ceiling = np.split(numbers, 3, axis=-1)
        each = skill(method, prior, ceiling).skill
        mean = macro_skill(method, prior, ceiling, np.where(counted, MIN_CASES, 0))
    else:
        each, mean = numbers, mean_defined(numbers[..., counted])
    return np.concatenate([each, np.asarray(mean)[..., None]], axis=-1)


class Behind(NamedTuple):
    """What stands behind the numbers of groups.

    Attributes:
        enough: ``(M, K)`` whether a group has the cases and patients that the metric needs.
        cases: the rarest of what it needs.
        patients: effective number of patients, which widens intervals.
        units: patients, for exact bounds at 0 and 1; NaN where there are none.
    """

    enough: npt.NDArray[np.bool_]
    cases: npt.NDArray[np.int64]
    patients: Floats
    units: Floats


def count_behind(metric: str, judged: Judged, masks: Masks) -> Behind:
    """Count cases and patients of every group and finding."""
    sides, weights, owners = _sides(metric, judged)
    codes = np.unique(owners, return_inverse=True)[1].astype(np.int64)
    shape = len(sides), len(masks), sides[0].shape[1]
    cases, units, patients = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for s, side in enumerate(sides):
        for m, mask in enumerate(masks):
            for k in range(shape[2]):
                rows = mask & side[:, k]
                cases[s, m, k] = weights[rows].sum()
                units[s, m, k] = len(np.unique(codes[rows]))
                patients[s, m, k] = effective_patients(rows, codes) if rows.any() else 0
    enough: npt.NDArray[np.bool_] = np.asarray(((cases >= MIN_CASES) & (units >= MIN_PATIENTS)).all(axis=0))
    fewest = units.min(axis=0)
    bound = fewest if METRICS[metric].bounded else np.full(fewest.shape, np.nan)
    return Behind(enough, cases.min(axis=0).astype(np.int64), patients.min(axis=0), bound)


def _sides(metric: str, judged: Judged) -> tuple[list[npt.NDArray[np.bool_]], Floats, npt.NDArray[np.str_]]:
    if METRICS[metric].of == "boxes":
        boxes = judged.boxes
        known = boxes["prior_iou"].notna().to_numpy() if metric == "skill" else np.ones(len(boxes), bool)
        mine = (number_findings(boxes)[:, None] == np.arange(len(BOXED))) & known[:, None]
        return [mine], boxes["boxes"].to_numpy(np.float64), boxes["patient_id"].to_numpy(str)
    sides = {"positives": judged.target == 1, "negatives": judged.target == 0}
    return [sides[need] for need in METRICS[metric].needs], np.ones(len(judged.target)), judged.patients
