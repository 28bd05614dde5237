"""Means over patients and trainings: intervals that hold for other patients and for other trainings at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]


class Crossed(NamedTuple):
    """An interval and a test against 0 per value.

    Attributes:
        low: ``(…)``.
        high: ``(…)``.
        p: ``(…)`` two-sided; 1 where the value is 0 and nothing varies.
        freedom: ``(…)`` degrees of freedom.
    """

    low: Floats
    high: Floats
    p: Floats
    freedom: Floats


def crossed_interval(
    value: npt.ArrayLike,
    draws: Floats,
    groups: Sequence[Floats],
    patients: float,
    disjoint: bool = False,
    level: float = 0.95,
) -> Crossed:
    """Return Student's intervals from the variance over patients plus that over trainings.

    ``V = V_p n / (n - 1) + Σ s² / m``: the variance of replicates over ``n`` drawn patients with trainings held fixed,
    and for each group of ``m`` trainings their own spread ``s``. Degrees of freedom are Satterthwaite's (1946, Biometr.
    Bull. 2:110) of these parts. Both are random, as readers and cases are in Obuchowski & Rockette (1995, Commun. Stat.
    24:285); drawing two or three trainings with replacement would say too little, and what patients do to each single
    training is counted on both sides, so that intervals are rather too wide.

    Args:
        value: ``(…)`` a mean over trainings, or a difference of such means.
        draws: ``(B, …)`` its replicates over drawn patients.
        groups: for each group of independent trainings ``(m, …)`` what each of them alone would give; one training has
            no spread, it is held fixed.
        patients: effective number of patients.
        disjoint: each training was tested on patients of its own (folds): its spread holds patients too, and the larger
            of the two variances counts instead of their sum.
        level: coverage aimed at.

    >>> draws = np.array([[-1.0], [1.0]])  # variance 2 over patients, many of them
    >>> low, high, p, freedom = crossed_interval([0.0], draws, [np.zeros((1, 1))], np.inf)
    >>> round(float(high[0]), 2), float(p[0])  # 1.96 · √2
    (2.77, 1.0)
    """
    values, n = np.asarray(value, np.float64), max(float(patients), 2.0)
    within = np.nanvar(draws, axis=0, ddof=1) / (1 - 1 / n)
    parts = [(group.var(axis=0, ddof=1) / len(group), len(group) - 1.0) for group in groups if len(group) > 1]
    variance, freedom = _join([(within, n - 1), *parts])
    if disjoint and parts:
        between, few = _join(parts)
        variance = np.maximum(within, between)
        freedom = np.where(between > within, few, n - 1)
    error = np.sqrt(variance)
    reach = student.ppf((1 + level) / 2, freedom) * error
    ratio = np.divide(np.abs(values), error, out=np.where(values == 0, 0.0, np.inf), where=error > 0)
    return Crossed(values - reach, values + reach, np.asarray(2 * student.sf(ratio, freedom)), freedom)


def _join(parts: Sequence[tuple[Floats, float]]) -> tuple[Floats, Floats]:
    """Return the sum of variances and its degrees of freedom; those of the first where nothing varies."""
    total = np.sum([part for part, _ in parts], axis=0)
    weighed = np.sum([part**2 / freedom for part, freedom in parts], axis=0)
    freedom = np.divide(total**2, weighed, out=np.full(total.shape, parts[0][1]), where=weighed > 0)
    return total, freedom
