"""A metric of all findings as a function of patient weights: the one thing that every interval and test asks for."""

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.stats.average_precision import auprc_replicates
from cxr_xai.stats.calibration import brier_replicates, ece_replicates
from cxr_xai.stats.decisions import f1_replicates
from cxr_xai.stats.weighted import auroc_replicates
from cxr_xai.stats.weightings import Codes, Floats, Statistic, Weights

RANKED = {"auroc": auroc_replicates, "auprc": auprc_replicates}
"""Metrics that depend on the order of the scores alone."""
SCORED = {"brier": brier_replicates, "ece": ece_replicates}
METRICS = (*RANKED, "f1", *SCORED)


def metric_statistic(
    metric: str,
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    codes: Codes,
    thresholds: npt.ArrayLike | None = None,
) -> Statistic:
    """Return the metric as a function of patient weights.

    Args:
        metric: one of ``METRICS``.
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown.
        probs: ``(N, K)``.
        codes: ``(N,)`` the patient's column in the weights.
        thresholds: ``(K,)``, for ``f1`` alone.

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
    replicates = (RANKED | SCORED)[metric]
    return lambda w: _columns([replicates(*c, w, codes) for c in zip(y.T, p.T, strict=True)], w)


def _columns(columns: list[Floats], weights: Weights) -> Floats:
    return np.stack(columns, axis=1) if columns else np.zeros((len(weights), 0))
