"""Probabilities under another prevalence: what test says about its own, without its labels.

A network calibrated where a finding has prevalence ``π`` speaks of that prevalence. Where it is ``π'``, and films of
the finding, and films without it, look as before (label shift), its odds are to be multiplied by
``π'(1 - π) / (π(1 - π'))``. Saerens, Latinne & Decaestecker (Neural Computation 14, 2002) find ``π'`` by
expectation-maximization: it is the mean of the probabilities that it itself corrects.

It fails where the films change with the prevalence (sicker patients, more films at the bedside), where the
probabilities were not calibrated to begin with (one temperature for all findings is not enough), and where the network
hardly tells present from absent: then any ``π'`` explains test alike. Between two halves of the patients of a published
network, where nothing shifted, it raised the mean calibration error from .007 to .018. It needs the whole of test at
once, so it says how much of the error a change of prevalence could explain; it is no probability for one film, and
nothing is decided on it.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq

from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.classification import brier, ece
from cxr_xai.metrics.columns import Floats, per_finding

EDGE = 1e-9
"""Prevalences that are found lie at least this far from 0 and 1, where odds end."""

TOLERANCE = 0.1
"""Share of the prevalence of val by which the estimate may miss it on val itself."""


def shift_prior(probs: npt.ArrayLike, prior: npt.ArrayLike, prevalence: npt.ArrayLike) -> Floats:
    """Return ``w p / (w p + v (1 - p))`` with ``w = π'/π`` and ``v = (1 - π')/(1 - π)``.

    Args:
        probs: ``(N, K)`` calibrated where prevalence is ``prior``.
        prior: ``(K,)`` ``π``.
        prevalence: ``(K,)`` ``π'``.

    Returns:
        ``(N, K)`` in [0, 1]; NaN for a finding whose ``π`` is 0, 1 or NaN, or whose ``π'`` is NaN.

    >>> shift_prior([[0.5]], [0.5], [0.2])  # odds 1 to 1 become 1 to 4
    array([[0.2]])
    """
    p, pi, new = (np.asarray(values, dtype=np.float64) for values in (probs, prior, prevalence))
    pi = np.where((pi > 0) & (pi < 1), pi, np.nan)
    present, absent = new / pi * p, (1 - new) / (1 - pi) * (1 - p)
    shifted: Floats = present / (present + absent)
    return shifted


def estimate_prevalence(probs: npt.ArrayLike, prior: npt.ArrayLike) -> Floats:
    """Return the ``π'`` at which expectation-maximization comes to rest: ``π' = mean(shift_prior(p, π, π'))``.

    The likelihood ``Σ log(π' a + (1 - π') b)``, ``a = p/π``, ``b = (1 - p)/(1 - π)``, is concave in ``π'``, so the
    root of its slope is found directly.

    Args:
        probs: ``(N, K)`` calibrated where prevalence is ``prior``.
        prior: ``(K,)`` ``π``.

    Returns:
        ``(K,)``; NaN for a finding whose ``π`` is 0, 1 or NaN.

    >>> estimate_prevalence([[0.9], [0.9], [0.9], [0.1]], [0.5]).round(3)  # 8/9 π' + 1/9 positive of 4, and so on
    array([0.812])
    """
    p, pi = np.asarray(probs, dtype=np.float64), np.asarray(prior, dtype=np.float64)
    return np.array([_estimate(column, one) if 0 < one < 1 else np.nan for column, one in zip(p.T, pi, strict=True)])


def _estimate(p: Floats, prior: float) -> float:
    a, b = p / prior, (1 - p) / (1 - prior)

    def slope(prevalence: float) -> float:
        return float(np.sum((a - b) / (prevalence * a + (1 - prevalence) * b)))

    if slope(EDGE) <= 0:
        return EDGE
    if slope(1 - EDGE) >= 0:
        return 1 - EDGE
    return float(brentq(slope, EDGE, 1 - EDGE, xtol=1e-12))


def find_prior(target: npt.ArrayLike, calibrated: npt.ArrayLike) -> Floats:
    """Return the prevalence of val where its own probabilities give it back, to within a tenth; NaN where not.

    Probabilities that miss a prevalence that is known have nothing to say about one that is not.

    Args:
        target: ``(N, K)`` of val.
        calibrated: ``(N, K)`` of val.
    """

    def find(y: Floats, p: Floats) -> float:
        prior = float(y.mean())
        [found] = estimate_prevalence(p[:, None], [prior])
        return prior if abs(found - prior) <= TOLERANCE * min(prior, 1 - prior) else np.nan

    return per_finding(target, calibrated, find)


def shift_table(
    target: npt.ArrayLike, calibrated: npt.ArrayLike, prior: npt.ArrayLike, findings: tuple[str, ...] = FINDINGS
) -> pd.DataFrame:
    """Return the errors of calibrated probabilities after correction for the prevalence that they themselves suggest.

    Args:
        target: ``(N, K)``, for the errors alone.
        calibrated: ``(N, K)``.
        prior: ``(K,)`` prevalence where they were calibrated (val), from `find_prior`.
        findings: names of the ``K`` columns.

    Returns:
        One row per finding; columns ``prior estimated_prevalence brier_shifted ece_shifted``, NaN where the prior is
        undefined, 0 or 1.
    """
    found = estimate_prevalence(calibrated, prior)
    undefined = np.isnan(found)
    shifted = np.where(undefined, 0, shift_prior(calibrated, prior, found))
    columns = {"prior": np.asarray(prior, dtype=np.float64), "estimated_prevalence": found}
    for metric in (brier, ece):
        columns[f"{metric.__name__}_shifted"] = np.where(undefined, np.nan, metric(target, shifted))
    return pd.DataFrame(columns, index=pd.Index(findings, name="finding"))
