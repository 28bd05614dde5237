"""The variance of AUROCs without resampling: DeLong's, and Obuchowski's for patients with several images.

``V_i`` is the share of negatives that positive ``i`` beats and ``V_j`` the share of positives that beat negative ``j``
(their placements, ties counting one half); both average to the AUROC ``θ``. DeLong, DeLong & Clarke-Pearson (1988,
Biometrics 44:837) estimate the covariance of several areas by that of their placements; midranks give all of them in
one sort (Sun & Xu 2014, IEEE Signal Process. Lett. 21:1389). Images of one patient are no independent placements:
Obuchowski (1997, Biometrics 53:567) sums what belongs to a patient first.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from cxr_xai.stats.weightings import Codes, Floats, known_scores


class Areas(NamedTuple):
    """AUROCs of several score sets on the same studies, and how they vary together.

    Attributes:
        value: ``(M,)``; NaN without positives or negatives.
        covariance: ``(M, M)``; NaN with fewer than two patients with positives, or with negatives.
    """

    value: Floats
    covariance: Floats


class AreaTest(NamedTuple):
    """A two-sided test that two areas are equal.

    Attributes:
        difference: first - second.
        z: difference over its standard error; NaN without variance.
        p: two-sided, by the normal distribution.
        low: lower end of the interval of the difference.
        high: upper end.
    """

    difference: float
    z: float
    p: float
    low: float
    high: float


def delong(target: npt.ArrayLike, scores: npt.ArrayLike, patients: npt.ArrayLike | None = None) -> Areas:
    """Return AUROCs of one finding and their covariance.

    With patients it is Obuchowski's clustered form: for patient ``c`` with ``m_c`` positives and ``n_c`` negatives let
    ``a_c = Σ_i V_i - m_c θ`` and ``b_c = Σ_j V_j - n_c θ``. With ``I₁`` patients who have positives, ``I₀`` who have
    negatives and ``I`` in all, ``m`` positives and ``n`` negatives,
    ``cov = I₁/(I₁-1) Σ a a' / m² + I₀/(I₀-1) Σ b b' / n² + I/(I-1) Σ (a b' + b a') / (m n)``.
    One image per patient leaves DeLong's own form.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown (left out).
        scores: ``(N, M)`` or ``(N,)``: one column per model or arm.
        patients: ``(N,)`` identifiers; None where every image is a patient.

    Returns:
        values and covariance.

    Raises:
        UserError: a known target has a score that is not finite.

    >>> areas = delong([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])
    >>> float(areas.value[0]), float(areas.covariance[0, 0])  # var of (1, .5) over 2, twice
    (0.75, 0.125)
    """
    table = np.asarray(scores, dtype=np.float64).reshape(len(np.asarray(target)), -1)
    y = np.asarray(target, dtype=np.float64)
    known = ~np.isnan(y)
    known_scores(np.repeat(y[:, None], table.shape[1], axis=1), table)  # refuses what is not finite
    who = np.arange(len(y)) if patients is None else np.asarray(patients)
    codes = np.unique(who[known], return_inverse=True)[1].astype(np.int64)
    return _areas(y[known] == 1, table[known], codes)


def delong_interval(areas: Areas, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return ``(M,)`` lower and upper ends on the logit scale, which stay in [0, 1].

    At an area of 0 or 1 there is no variance and the ends are NaN: take `stats.exact` there.

    >>> low, high = delong_interval(Areas(np.array([0.8]), np.array([[0.0016]])))
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.71, 0.867)
    """
    value, error = areas.value, np.sqrt(np.diagonal(areas.covariance))
    inside = (value > 0) & (value < 1) & (error > 0)
    slope = np.where(inside, value * (1 - value), np.nan)
    logit = np.log(np.where(inside, value, np.nan)) - np.log1p(-np.where(inside, value, np.nan))
    reach = ndtri((1 + level) / 2) * error / slope
    return 1 / (1 + np.exp(reach - logit)), 1 / (1 + np.exp(-reach - logit))


def delong_test(areas: Areas, first: int = 0, second: int = 1, level: float = 0.95) -> AreaTest:
    """Return the test that two of the areas are equal; their covariance counts, as the studies are the same.

    >>> areas = Areas(np.array([0.83, 0.80]), np.array([[0.0004, 0.0003], [0.0003, 0.0004]]))
    >>> round(delong_test(areas).z, 3), round(delong_test(areas).p, 3)
    (2.121, 0.034)
    """
    difference = float(areas.value[first] - areas.value[second])
    cov = areas.covariance
    variance = float(cov[first, first] + cov[second, second] - 2 * cov[first, second])
    error = np.sqrt(variance) if variance > 1e-15 else np.nan
    reach, z = ndtri((1 + level) / 2) * error, difference / error
    return AreaTest(
        difference, float(z), float(2 * ndtr(-abs(z))), float(difference - reach), float(difference + reach)
    )


def _areas(positive: npt.NDArray[np.bool_], scores: Floats, codes: Codes) -> Areas:
    m, n, size = int(positive.sum()), int((~positive).sum()), scores.shape[1]
    if not m or not n:
        return Areas(np.full(size, np.nan), np.full((size, size), np.nan))
    ranks, above, below = (rankdata(part, axis=0) for part in (scores, scores[positive], scores[~positive]))
    beats, beaten = (ranks[positive] - above) / n, 1 - (ranks[~positive] - below) / m
    value = beats.mean(axis=0)
    patients = int(codes.max()) + 1
    a, b = (
        np.stack([np.bincount(codes[side], column, patients) for column in (part - value).T], axis=1) / count
        for side, part, count in ((positive, beats, m), (~positive, beaten, n))
    )
    with_positives, with_negatives = (len(np.unique(codes[side])) for side in (positive, ~positive))
    cross = a.T @ b
    covariance = (
        _unbias(with_positives) * (a.T @ a)
        + _unbias(with_negatives) * (b.T @ b)
        + _unbias(patients) * (cross + cross.T)
    )
    return Areas(value, covariance)


def _unbias(units: int) -> float:
    return units / (units - 1) if units > 1 else np.nan
