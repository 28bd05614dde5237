"""A metric of all findings as a function of patient weights: the one thing that every interval and test asks for."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.stats.average_precision import auprc_replicates
from cxr_xai.stats.calibration import brier_replicates, ece_replicates, equal_mass_bins
from cxr_xai.stats.decisions import f1_replicates
from cxr_xai.stats.weighted import auroc_replicates, mean_replicates
from cxr_xai.stats.weightings import Codes, Floats, Statistic, Weights

Measure = str | Callable[[Floats, Floats, Codes], Statistic]
"""A metric's name, or a function of ``target, probs, codes`` that gives its statistic (for instance `mean_measure`)."""

RANKED = {"auroc": auroc_replicates, "auprc": auprc_replicates}
"""Metrics that depend on the order of the scores alone."""
METRICS = (*RANKED, "f1", "brier", "ece")


def metric_statistic(
    metric: str,
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    codes: Codes,
    thresholds: npt.ArrayLike | None = None,
    places: Codes | None = None,
) -> Statistic:
    """Return the metric as a function of patient weights.

    Args:
        metric: one of ``METRICS``.
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown.
        probs: ``(N, K)``.
        codes: ``(N,)`` the patient's column in the weights.
        thresholds: ``(K,)``, for ``f1`` alone.
        places: ``(N, K)`` bins of the studies, for ``ece`` alone; by default those of `equal_mass_bins`.

    Returns:
        ``(B, P)`` weights to ``(B, K)`` values.

    Raises:
        UserError: an unknown metric, or ``f1`` without thresholds.

    >>> statistic = metric_statistic("auroc", [[1], [0], [1]], [[0.9], [0.4], [0.1]], np.array([0, 1, 2]))
    >>> statistic(np.array([[1, 1, 1], [2, 1, 0]])).ravel().tolist()
    [0.5, 1.0]
    """
    y, p = np.asarray(target, dtype=np.float64), np.asarray(probs, dtype=np.float64)
    if metric not in METRICS:
        raise UserError(f"metric={metric}: not among those with replicates: {', '.join(METRICS)}")
    if metric == "f1":
        if thresholds is None:
            raise UserError("metric=f1 needs the thresholds that were chosen on val")
        cuts = np.asarray(thresholds, dtype=np.float64)
        return lambda w: _columns([f1_replicates(*c, w, codes) for c in zip(y.T, p.T, cuts, strict=True)], w)
    if metric == "ece":
        bins = [equal_mass_bins(*c) for c in zip(y.T, p.T, strict=True)] if places is None else places.T
        columns = list(zip(y.T, p.T, bins, strict=True))
        return lambda w: _columns([ece_replicates(a, b, w, codes, place=c) for a, b, c in columns], w)
    replicates = (RANKED | {"brier": brier_replicates})[metric]
    return lambda w: _columns([replicates(*c, w, codes) for c in zip(y.T, p.T, strict=True)], w)


def mean_measure(n_groups: int, of: Callable[[Floats], Floats] | None = None) -> Measure:
    """Return a measure of scores that were judged row by row, such as the IoU of boxed (image, finding) pairs.

    Its ``target`` is ``(R, 1)`` with the group of each row, its ``probs`` the ``(R, C)`` scores; a row with NaN in any
    is left out.

    Args:
        n_groups: ``F``.
        of: ``(B, F, C)`` means to the ``(B, K)`` values compared, for instance skill, a ratio of means, beside its own
            macro; by default the first column's means.

    >>> measure = mean_measure(1, of=lambda means: means[..., 0] / means[..., 1])
    >>> statistic = measure(np.zeros((2, 1)), np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([0, 1]))
    >>> statistic(np.array([[1, 1], [0, 1]])).ravel().tolist()
    [1.0, 1.5]
    """

    def measure(groups: Floats, scores: Floats, codes: Codes) -> Statistic:
        def statistic(weights: Weights) -> Floats:
            means = mean_replicates(scores, groups[:, 0], weights, codes, n_groups)
            return means[..., 0] if of is None else of(means)

        return statistic

    return measure


def _columns(columns: list[Floats], weights: Weights) -> Floats:
    return np.stack(columns, axis=1) if columns else np.zeros((len(weights), 0))
