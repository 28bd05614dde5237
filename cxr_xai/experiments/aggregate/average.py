"""Metrics within folds, then averaged: probabilities of different models are never ranked against each other."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics import classification as metrics
from cxr_xai.stats.bootstrap import draw_patient_counts
from cxr_xai.stats.clusters import end_units, metric_patients
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.statistic import METRICS, metric_statistic
from cxr_xai.stats.weightings import mean_defined

Floats = npt.NDArray[np.float64]

AT_THRESHOLD = ("f1", "precision", "recall", "specificity", "accuracy")
OF_SCORES = ("auroc", "auprc", "brier", "ece")
CALIBRATED = {"brier_calibrated": "brier", "ece_calibrated": "ece"}


class Averaged(NamedTuple):
    """One metric of one arm.

    Attributes:
        values: ``(S, F, K)`` by seed, fold and finding; NaN where undefined.
        drawn: ``(B, F, K)`` replicates of the mean over seeds; None for metrics that are given without interval.
        units: ``(F, K)`` independent units behind each value, for exact bounds at 0 and 1; None likewise.
        patients: ``(K,)`` effective number of patients of all folds, which widen levels; None likewise.
    """

    values: Floats
    drawn: Floats | None = None
    units: npt.NDArray[np.int64] | None = None
    patients: Floats | None = None

    @property
    def by_fold(self) -> Floats:
        """``(F, K)`` means over seeds."""
        return mean_defined(np.moveaxis(self.values, 0, -1))

    @property
    def end_units(self) -> Floats | None:
        """``(K,)`` units behind the mean: perfect folds bound it by ``Π θ^n``, which their smallest ``n`` keeps to."""
        if self.units is None:
            return None
        defined = ~np.isnan(self.by_fold)
        fewest = np.where(defined, self.units, np.inf).min(axis=0, initial=np.inf)
        units: Floats = np.where(np.isinf(fewest), np.nan, fewest) * defined.sum(axis=0)
        return units

    @property
    def mean(self) -> Floats:
        """``(K,)`` means over seeds and folds."""
        return mean_over_folds(self.by_fold)


def mean_over_folds(by_fold: Floats) -> Floats:
    """Return the mean over the axis before the last, folds where a finding is undefined left out."""
    return mean_defined(np.swapaxes(by_fold, -1, -2))


def mean_over_findings(values: Floats, counted: npt.NDArray[np.bool_]) -> Floats:
    """Return the mean over the last axis, over the defined of the counted findings."""
    return mean_defined(values[..., counted])


def source_of(metric: str) -> tuple[str, str]:
    """Return the score that a metric is of, and the name of the metric itself.

    >>> source_of("ece_calibrated"), source_of("recall"), source_of("auroc")
    (('calibrated', 'ece'), ('pred', 'recall'), ('prob', 'auroc'))
    """
    if metric in CALIBRATED:
        return "calibrated", CALIBRATED[metric]
    return ("pred" if metric in AT_THRESHOLD else "prob"), metric


def available(pool: Pool, arm: str) -> list[str]:
    """Return the metrics that an arm's scores allow."""
    extra = list(CALIBRATED) if "calibrated" in pool.scores[arm] else []
    return [*OF_SCORES, *extra, *AT_THRESHOLD]


def measure(target: Floats, score: Floats, metric: str) -> Floats:
    """Return ``(K,)`` one metric of one model on its studies; decisions are judged as they were made."""
    kind, name = source_of(metric)
    function = getattr(metrics, name)
    if kind == "pred":
        return np.asarray(function(target, score, np.full(target.shape[1], 0.5)))
    return np.asarray(function(target, score))


def average(pool: Pool, arm: str, metric: str, replicates: int, seed: int = 0) -> Averaged:
    """Measure one arm within folds, with replicates for the metrics that have them.

    Patients are drawn within their fold, and all arms, metrics and seeds are weighted by the same draws, so that
    replicates of two arms may be subtracted.

    Args:
        pool: tested studies.
        arm: which.
        metric: one of `available`.
        replicates: ``B``; 0 gives none.
        seed: of the draws.
    """
    kind, name = source_of(metric)
    models = pool.scores[arm][kind]
    values = np.full((len(models), len(pool.folds), pool.target.shape[1]), np.nan)
    wanted = replicates > 0 and name in METRICS
    drawn = np.full((len(pool.folds), replicates, pool.target.shape[1]), np.nan)
    units = np.zeros((len(pool.folds), pool.target.shape[1]), np.int64)
    for f, fold in enumerate(pool.folds):
        rows = pool.fold == fold
        target = pool.target[rows]
        if wanted:
            counts, codes = draw_patient_counts(pool.patients[rows], replicates, (seed, f))
        by_seed, reach = [], []
        for s, model in enumerate(models):
            values[s, f] = measure(target, model[rows], metric)
            if wanted:
                cuts = np.full(target.shape[1], 0.5)
                by_seed.append(metric_statistic(name, target, model[rows], codes, cuts)(counts))
                reach.append(end_units(name, target, model[rows], codes, cuts))
        if wanted:
            drawn[f], units[f] = mean_defined(np.stack(by_seed, axis=-1)), np.min(reach, axis=0)
    if not wanted:
        return Averaged(values)
    codes = np.unique(pool.patients, return_inverse=True)[1]
    return Averaged(values, np.moveaxis(drawn, 0, 1), units, metric_patients(name, pool.target, codes))


def spread(values: Floats) -> Floats:
    """Return the standard deviation over folds of the means over seeds; over seeds where there is one fold.

    Args:
        values: ``(S, F, …)``.

    Returns:
        ``(…)`` with one degree of freedom taken off; NaN with fewer than two defined values.
    """
    by_fold = mean_defined(np.moveaxis(values, 0, -1))
    groups = by_fold if values.shape[1] > 1 else values[:, 0]
    defined = ~np.isnan(groups)
    number = defined.sum(axis=0)
    center = mean_defined(np.moveaxis(groups, 0, -1))
    squares = np.where(defined, (groups - center) ** 2, 0).sum(axis=0)
    variance = np.divide(squares, number - 1, out=np.full(number.shape, np.nan), where=number > 1)
    return np.asarray(np.sqrt(variance))


def counted(pool: Pool, metric: str) -> npt.NDArray[np.bool_]:
    """Return ``(K,)`` true for findings in the mean: all, but for F1 only those whose threshold val could choose."""
    return ~pool.unsupported if metric == "f1" else np.ones(len(FINDINGS), bool)


def summarize_metric(averaged: Averaged, taken: npt.NDArray[np.bool_]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the entries of the findings, ``value low high sd folds``, and that of their mean, ``over`` how many."""
    sd = spread(averaged.values)
    defined = (~np.isnan(averaged.by_fold)).sum(axis=0)
    drawn = None if averaged.drawn is None else mean_over_folds(averaged.drawn)
    units = averaged.end_units
    ends = None if drawn is None else interval(averaged.mean, drawn, units=units, patients=averaged.patients)
    rows = [
        {"value": float(averaged.mean[k]), **_ends(ends, k), "sd": float(sd[k]), "folds": int(defined[k])}
        for k in range(len(sd))
    ]
    macro_by_fold = mean_over_findings(averaged.values, taken)
    value = float(mean_over_findings(averaged.mean, taken))
    weakest = None if units is None else units[taken & ~np.isnan(averaged.mean)].min(initial=np.inf)
    ends = None if drawn is None else interval(value, mean_over_findings(drawn, taken), units=weakest)
    over = int((~np.isnan(averaged.mean[taken])).sum())
    return rows, {"value": value, **_ends(ends, ()), "sd": float(spread(macro_by_fold)), "over": over}


def _ends(ends: Any, place: Any) -> dict[str, float]:
    return {} if ends is None else {"low": float(ends.low[place]), "high": float(ends.high[place])}


def summarize_arm(averages: Mapping[str, Averaged], pool: Pool) -> dict[str, Any]:
    """Return ``findings`` and ``macro`` of one arm, every metric in each."""
    positives, negatives = ((pool.target == label).sum(axis=0) for label in (1, 0))
    findings: dict[str, dict[str, Any]] = {
        name: {
            "positives": int(positives[k]),
            "negatives": int(negatives[k]),
            "prevalence": float(positives[k] / max(positives[k] + negatives[k], 1)),
            "in_macro_f1": bool(~pool.unsupported[k]),
            "positive_patients": len(np.unique(pool.patients[pool.target[:, k] == 1])),
        }
        for k, name in enumerate(FINDINGS)
    }
    macro = {}
    for metric, averaged in averages.items():
        rows, macro[metric] = summarize_metric(averaged, counted(pool, metric))
        for name, row in zip(FINDINGS, rows, strict=True):
            findings[name][metric] = row
    return {"findings": findings, "macro": macro}
