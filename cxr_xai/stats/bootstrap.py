"""Patient-clustered bootstrap: whole patients are drawn with replacement, and all their images come along.

A replicate is a vector of counts, how often each patient was drawn; every statistic is weighted by them. The same
counts serve any number of statistics, so that what is compared is compared on the same draws.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_xai.stats.weighted import auroc_replicates, mean_replicates

__all__ = [
    "AurocBootstrap",
    "Interval",
    "MeansBootstrap",
    "auroc_replicates",
    "bootstrap_auroc",
    "bootstrap_means",
    "draw_patient_counts",
    "mean_replicates",
    "percentile_interval",
]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint16]
Codes = npt.NDArray[np.int64]


class Interval(NamedTuple):
    """A percentile interval per statistic.

    Attributes:
        low: lower end; NaN where no replicate is defined.
        high: upper end.
        undefined: number of replicates that were NaN and left out.
    """

    low: Floats
    high: Floats
    undefined: Codes


class AurocBootstrap(NamedTuple):
    """AUROC per finding and macro, with percentile intervals.

    Attributes:
        value: ``(K,)`` AUROC of the sample; NaN without positives or negatives.
        interval: low, high, undefined, each ``(K,)``.
        replicates: ``(B, K)``.
        macro: mean of ``value`` over the ``over`` findings that have one.
        macro_interval: low, high, undefined, each a 0-d array.
        macro_replicates: ``(B,)``.
        over: number of findings in the macro mean of the sample.
    """

    value: Floats
    interval: Interval
    replicates: Floats
    macro: float
    macro_interval: Interval
    macro_replicates: Floats
    over: int


class MeansBootstrap(NamedTuple):
    """Means per group, with percentile intervals; a trailing axis ``C`` where several columns were given.

    Attributes:
        value: ``(F,)`` or ``(F, C)``; NaN for a group without rows.
        interval: low, high, undefined, shaped like ``value``.
        replicates: ``(B, F)`` or ``(B, F, C)``.
        rows: ``(F,)`` rows that each mean was taken over.
    """

    value: Floats
    interval: Interval
    replicates: Floats
    rows: Codes


def draw_patient_counts(patients: npt.ArrayLike, replicates: int, seed: int) -> tuple[Counts, Codes]:
    """Draw how often each patient appears in each replicate.

    Args:
        patients: ``(N,)`` identifiers, one per image or row.
        replicates: ``B``.
        seed: the draws depend on it and on the number of patients alone.

    Returns:
        ``(B, P)`` uint16 counts, each row summing to ``P`` (2 bytes a cell: 2,000 draws of 30,805 patients take
        123 MB), and ``(N,)`` int64, the column of each row's patient.

    >>> counts, codes = draw_patient_counts(["b", "a", "b"], replicates=3, seed=0)
    >>> codes.tolist(), counts.sum(axis=1).tolist()
    ([1, 0, 1], [2, 2, 2])
    """
    names, codes = np.unique(np.asarray(patients), return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = np.empty((replicates, len(names)), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
    return counts, codes.astype(np.int64)


def percentile_interval(replicates: Floats, level: float = 0.95) -> Interval:
    """Return the percentile interval over the first axis.

    Args:
        replicates: ``(B, …)``; NaN replicates are left out and counted.
        level: coverage aimed at, in (0, 1).

    Returns:
        low, high and undefined, each ``(…)``.

    >>> low, high, undefined = percentile_interval(np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan]), level=0.5)
    >>> float(low), float(high), int(undefined)
    (1.0, 3.0, 1)
    """
    flat = replicates.reshape(len(replicates), -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    for column, values in enumerate(flat.T):
        defined = values[~np.isnan(values)]
        if len(defined):
            ends[:, column] = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    shape = replicates.shape[1:]
    undefined = np.isnan(replicates).sum(axis=0)
    return Interval(ends[0].reshape(shape), ends[1].reshape(shape), np.asarray(undefined, dtype=np.int64))


def _mean_defined(values: Floats) -> Floats:
    """Mean over the last axis, NaN left out; the mean of none is NaN."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0).sum(axis=-1)
    mean: Floats = np.divide(total, count, out=np.full(np.shape(count), np.nan), where=count > 0)
    return mean


def bootstrap_auroc(
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    patients: npt.ArrayLike,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> AurocBootstrap:
    """Return AUROC per finding and macro, with intervals from resampled patients.

    The macro mean of a replicate is over the findings that are defined in that replicate; a finding that drops out of
    some (few positive patients) is counted in ``interval.undefined``.

    Args:
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown.
        probs: ``(N, K)``.
        patients: ``(N,)`` identifiers.
        replicates: ``B``.
        seed: of the draws.
        level: of the intervals.

    Returns:
        values, intervals and replicates.
    """
    target, probs = np.asarray(target, dtype=np.float64), np.asarray(probs, dtype=np.float64)
    counts, codes = draw_patient_counts(patients, replicates, seed)
    once = np.ones((1, counts.shape[1]))
    columns = list(zip(target.T, probs.T, strict=True))
    value = np.concatenate([auroc_replicates(y, p, once, codes) for y, p in columns])
    drawn = np.stack([auroc_replicates(y, p, counts, codes) for y, p in columns], axis=1)
    macro = _mean_defined(drawn)
    return AurocBootstrap(
        value=value,
        interval=percentile_interval(drawn, level),
        replicates=drawn,
        macro=float(_mean_defined(value)),
        macro_interval=percentile_interval(macro, level),
        macro_replicates=macro,
        over=int((~np.isnan(value)).sum()),
    )


def bootstrap_means(
    values: npt.ArrayLike,
    groups: npt.ArrayLike,
    patients: npt.ArrayLike,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    n_groups: int | None = None,
) -> MeansBootstrap:
    """Return means per group with intervals from resampled patients, all columns on the same draws.

    Args:
        values: ``(R,)`` or ``(R, C)`` one row per judged thing, for instance a boxed (image, finding) pair. A row with
            NaN in any column is left out of all; under the rule ``all`` the caller has put 0 for dead maps before.
        groups: ``(R,)`` integers in ``[0, n_groups)``, for instance the finding.
        patients: ``(R,)`` identifiers.
        replicates: ``B``.
        seed: of the draws.
        level: of the intervals.
        n_groups: ``F``; by default one more than the largest group.

    Returns:
        means, intervals and replicates: for a ratio such as skill, take it of ``replicates`` column by column.
    """
    values, groups = np.asarray(values, dtype=np.float64), np.asarray(groups, dtype=np.int64)
    n_groups = int(groups.max(initial=-1)) + 1 if n_groups is None else n_groups
    table = values[:, None] if values.ndim == 1 else values
    counts, codes = draw_patient_counts(patients, replicates, seed)
    once = np.ones((1, counts.shape[1]))
    value = mean_replicates(table, groups, once, codes, n_groups)[0]
    drawn = mean_replicates(table, groups, counts, codes, n_groups)
    if values.ndim == 1:
        value, drawn = value[..., 0], drawn[..., 0]
    rows = np.bincount(groups[~np.isnan(table).any(axis=1)], minlength=n_groups)
    return MeansBootstrap(value, percentile_interval(drawn, level), drawn, rows.astype(np.int64))
