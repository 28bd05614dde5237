"""Intervals from replicates: percentile, bias-corrected and accelerated, and exact at the ends of a bounded score."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from cxr_xai.stats.exact import exact_ends

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Kind = Literal["bca", "percentile"]

_FAR = 8.0  # standard deviations: beyond all replicates


class Interval(NamedTuple):
    """An interval per statistic.

    Attributes:
        low: lower end; NaN where no replicate is defined.
        high: upper end.
        undefined: number of replicates that were NaN and left out.
    """

    low: Floats
    high: Floats
    undefined: Codes


def expanded_level(level: float, patients: npt.ArrayLike) -> Floats:
    """Return the level whose percentiles make up for few patients: ``2Φ(√(n/(n-1)) t_{n-1}) - 1``, Student's ``t``.

    A bootstrap of ``n`` patients underestimates a variance by ``(n-1)/n``, and its percentiles are those of a normal
    distribution where Student's is due (Hesterberg 2015, Am. Stat. 69:371, "expanded percentile interval").

    Args:
        level: coverage aimed at, in (0, 1).
        patients: ``(…)`` effective number behind each statistic (`stats.clusters`), 2 at least; may be infinite.

    >>> expanded_level(0.95, [np.inf, 20]).round(3).tolist()
    [0.95, 0.968]
    """
    n = np.maximum(np.asarray(patients, dtype=np.float64), 2)
    reach: Floats = np.sqrt(1 / (1 - 1 / n)) * student.ppf((1 + level) / 2, n - 1)
    return np.asarray(2 * ndtr(reach) - 1)


def percentile_interval(replicates: Floats, level: npt.ArrayLike = 0.95) -> Interval:
    """Return the percentile interval over the first axis.

    Args:
        replicates: ``(B, …)``; NaN replicates are left out and counted.
        level: coverage aimed at, in (0, 1); one, or one per statistic.

    Returns:
        low, high and undefined, each ``(…)``.

    >>> low, high, undefined = percentile_interval(np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan]), level=0.5)
    >>> float(low), float(high), int(undefined)
    (1.0, 3.0, 1)
    """
    flat = replicates.reshape(len(replicates), -1)
    columns = zip(flat.T, _levels(level, replicates), strict=True)
    return _shaped([_quantiles(column[~np.isnan(column)], _tails(each)) for column, each in columns], replicates)


def bca_interval(value: npt.ArrayLike, replicates: Floats, jackknife: Floats, level: npt.ArrayLike = 0.95) -> Interval:
    """Return bias-corrected and accelerated intervals (Efron 1987, J. Am. Stat. Assoc. 82:171).

    The percentiles taken are ``Φ(z₀ + (z₀ + z) / (1 - a (z₀ + z)))`` with ``z₀ = Φ⁻¹`` of the share of replicates below
    the value (equal ones by half) and ``a = Σd³ / (6 (Σd²)^1.5)``, ``d`` the jackknife's mean minus its values, one
    patient left out at a time.

    Where less than one replicate lies beyond a percentile so moved (ECE near 0 and AUPRC of few studies: replicates are
    nearly all larger than the value), the end would be a matter of chance; the plain percentiles are then reflected
    about the value, ``2·value - percentile``: the other correction for bias.

    Args:
        value: ``(…)`` the statistic of the sample.
        replicates: ``(B, …)``; NaN replicates are left out and counted.
        jackknife: ``(P, …)`` the statistic without each patient; NaN ones are left out.
        level: coverage aimed at, in (0, 1); one, or one per statistic.

    Returns:
        low, high and undefined, each ``(…)``.

    >>> draws = np.linspace(-1, 1, 101)  # centered on the value, jackknife symmetric: the percentile interval
    >>> low, high, _ = bca_interval(0.0, draws, np.array([-1.0, 0.0, 1.0]), level=0.9)
    >>> round(float(low), 9), round(float(high), 9)
    (-0.9, 0.9)
    """
    values, flat = np.asarray(value, dtype=np.float64).reshape(-1), replicates.reshape(len(replicates), -1)
    left_out = jackknife.reshape(len(jackknife), -1)
    columns = zip(values, flat.T, left_out.T, _levels(level, replicates), strict=True)
    return _shaped([_bca_ends(*column) for column in columns], replicates)


def interval(
    value: npt.ArrayLike,
    replicates: Floats,
    jackknife: Floats | None = None,
    kind: Kind = "bca",
    level: float = 0.95,
    units: npt.ArrayLike | None = None,
    patients: npt.ArrayLike | None = None,
) -> Interval:
    """Return an interval per statistic: the one function that summaries and tables call.

    It reaches to the value at least. Few studies make AUPRC and ECE come out too large, and replicates larger still;
    corrected for bias, the interval would lie wholly below the value, which nobody would read as meant.

    Args:
        value: ``(…)`` the statistic of the sample; NaN gives NaN ends.
        replicates: ``(B, …)`` from weighted replicates over drawn patients.
        jackknife: ``(P, …)`` the statistic without each patient, for ``bca``. Without it ``bca`` corrects for the bias
            alone.
        kind: ``bca`` or ``percentile``.
        level: coverage aimed at, in (0, 1).
        units: ``(…)`` independent units behind each statistic (`stats.clusters`), for scores in [0, 1], whose ends stay
            in that range: where the value is exactly 0 or 1 and all replicates agree, the bootstrap's width is 0, and
            the exact bound on that many units is given instead. None, or NaN, for statistics without such ends, for
            instance differences.
        patients: ``(…)`` effective number behind each statistic, for `expanded_level`; None leaves the level as it is.

    Returns:
        low, high and undefined, each ``(…)``.

    >>> low, high, _ = interval(1.0, np.ones(100), kind="percentile", units=29)
    >>> round(float(low), 3), float(high)  # nothing went wrong 29 times: 0.025 ** (1 / 29)
    (0.881, 1.0)
    """
    values = np.asarray(value, dtype=np.float64)
    wide = level if patients is None else expanded_level(level, patients)
    if kind == "percentile":
        low, high, undefined = percentile_interval(replicates, wide)
    else:
        none = np.zeros((1, *values.shape))
        low, high, undefined = bca_interval(values, replicates, none if jackknife is None else jackknife, wide)
    low, high = np.minimum(low, values), np.maximum(high, values)  # NaN where either is
    if units is not None:
        units = np.asarray(units, dtype=np.float64)
        alike = ((replicates == values) | np.isnan(replicates)).all(axis=0)
        at_end = ((values == 0) | (values == 1)) & alike & ~np.isnan(units)
        exact_low, exact_high = exact_ends(values, units, level)
        # Reflected percentiles may pass the ends of the score's range, where the statistic cannot be.
        low, high = (np.where(np.isnan(units), end, np.clip(end, 0, 1)) for end in (low, high))
        low, high = np.where(at_end, exact_low, low), np.where(at_end, exact_high, high)
    return Interval(low, high, undefined)


def _levels(level: npt.ArrayLike, replicates: Floats) -> Floats:
    return np.broadcast_to(np.asarray(level, dtype=np.float64), replicates.shape[1:]).reshape(-1)


def _tails(level: float) -> Floats:
    return np.array([(1 - level) / 2, (1 + level) / 2])


def _quantiles(defined: Floats, shares: Floats) -> Floats:
    return np.quantile(defined, shares) if len(defined) else np.full(len(shares), np.nan)


def _bca_ends(value: float, replicates: Floats, left_out: Floats, level: float) -> Floats:
    defined = replicates[~np.isnan(replicates)]
    tails = _tails(level)
    if not len(defined) or np.isnan(value):
        return np.full(2, np.nan)
    below = ((defined < value).mean() + (defined <= value).mean()) / 2
    shares = _bca_shares(below, tails, left_out) if 0 < below < 1 else np.zeros(2)
    if min(shares[0], 1 - shares[1]) * len(defined) < min(1, tails[0] * len(defined)):
        reflected: Floats = 2 * value - _quantiles(defined, tails)[::-1]
        return reflected
    return _quantiles(defined, shares)


def _bca_shares(below: float, tails: Floats, left_out: Floats) -> Floats:
    """Return the shares of replicates below the two ends."""
    bias, z = ndtri(below), np.clip(ndtri(tails), -_FAR, _FAR)
    away = np.nanmean(left_out) - left_out[~np.isnan(left_out)] if not np.isnan(left_out).all() else np.zeros(1)
    spread = (away**2).sum()
    acceleration = (away**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    room = 1 - acceleration * (bias + z)  # none left: so skewed that only the outermost replicate will do
    shift = np.divide(bias + z, room, out=np.where(z > 0, _FAR, -_FAR), where=room > 0)
    shares: Floats = ndtr(bias + shift)
    return shares


def _shaped(ends: list[Floats], replicates: Floats) -> Interval:
    shape = replicates.shape[1:]
    low, high = np.array(ends, dtype=np.float64).reshape(-1, 2).T
    undefined = np.asarray(np.isnan(replicates).sum(axis=0), dtype=np.int64)
    return Interval(low.reshape(shape), high.reshape(shape), undefined)
