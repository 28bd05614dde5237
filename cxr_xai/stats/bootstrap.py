"""Patient-clustered bootstrap: whole patients are drawn with replacement, and all their images come along.

A replicate is a vector of counts, how often each patient was drawn; every statistic is weighted by them. The same
counts serve any number of statistics, so that what is compared is compared on the same draws.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_xai.stats.clusters import effective_patients, end_units, metric_patients
from cxr_xai.stats.intervals import Interval, Kind, interval, percentile_interval
from cxr_xai.stats.jackknife import auroc_jackknife, leave_one_out
from cxr_xai.stats.statistic import metric_statistic
from cxr_xai.stats.weighted import auroc_replicates, mean_replicates
from cxr_xai.stats.weightings import mean_defined

__all__ = [
    "Interval",
    "MeansBootstrap",
    "MetricBootstrap",
    "auroc_replicates",
    "bootstrap_auroc",
    "bootstrap_means",
    "bootstrap_metric",
    "draw_patient_counts",
    "mean_replicates",
    "means_behind",
    "percentile_interval",
]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint16]
Codes = npt.NDArray[np.int64]


class MetricBootstrap(NamedTuple):
    """A metric per finding and macro, with intervals.

    Attributes:
        value: ``(K,)`` the metric of the sample; NaN where it is undefined.
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
        units: ``(F, C)`` what `means_behind` says, for what is made of these means.
        patients: ``(F, C)`` likewise.
    """

    value: Floats
    interval: Interval
    replicates: Floats
    rows: Codes
    units: Floats
    patients: Floats


def draw_patient_counts(patients: npt.ArrayLike, replicates: int, seed: int | Sequence[int]) -> tuple[Counts, Codes]:
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
    # many statistics of a few hundred patients are each quicker than the draws, which they share
    draw = _draw_again if replicates * len(names) <= _KEPT else _draw
    return draw(len(names), replicates, seed if isinstance(seed, int | np.integer) else tuple(seed)), codes.astype(
        np.int64
    )


def _draw(patients: int, replicates: int, seed: int | tuple[int, ...]) -> Counts:
    rng = np.random.default_rng(seed)
    counts = np.empty((replicates, patients), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(rng.integers(patients, size=patients), minlength=patients)
    counts.flags.writeable = False
    return counts


_KEPT = 2**22  # counts of a set of draws that is kept for the next call: 8 MiB
_draw_again = lru_cache(maxsize=4)(_draw)


def bootstrap_metric(
    metric: str,
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    patients: npt.ArrayLike,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    kind: Kind = "percentile",
    thresholds: npt.ArrayLike | None = None,
) -> MetricBootstrap:
    """Return a metric per finding and macro, with intervals from resampled patients.

    The macro mean of a replicate is over the findings that are defined in that replicate; a finding that drops out of
    some (few positive patients) is counted in ``interval.undefined``. A finding without positives, or without
    negatives, is never in the mean. The same seed and patients draw the same replicates for every metric. Levels of
    findings are expanded for few patients (`stats.intervals`), macro's is not.

    Args:
        metric: ``auroc auprc f1 brier ece``.
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown.
        probs: ``(N, K)``.
        patients: ``(N,)`` identifiers.
        replicates: ``B``.
        seed: of the draws.
        level: of the intervals.
        kind: ``percentile``, or ``bca`` with a leave-one-patient-out jackknife.
        thresholds: ``(K,)`` from val, for ``f1`` alone.

    Returns:
        values, intervals (exact at 0 and 1) and replicates.
    """
    y, p = np.asarray(target, dtype=np.float64), np.asarray(probs, dtype=np.float64)
    counts, codes = draw_patient_counts(patients, replicates, seed)
    statistic = metric_statistic(metric, y, p, codes, thresholds)
    value, drawn = statistic(np.ones((1, counts.shape[1]), dtype=np.uint8))[0], statistic(counts)
    left_out = None
    if kind == "bca" and metric == "auroc":
        columns = zip(y.T, p.T, strict=True)
        left_out = np.stack([auroc_jackknife(*column, codes, counts.shape[1]) for column in columns], axis=1)
    elif kind == "bca":
        left_out = leave_one_out(statistic, counts.shape[1])
    both = (y == 1).any(axis=0) & (y == 0).any(axis=0)
    units, defined = end_units(metric, y, p, codes, thresholds), ~np.isnan(value) & both
    macro, means = mean_defined(value[both]), mean_defined(drawn[:, both])
    # the weakest finding bounds a mean of perfect ones
    weakest = units[defined].min(initial=np.iinfo(np.int64).max)
    left_out_means = None if left_out is None else mean_defined(left_out[:, both])
    return MetricBootstrap(
        value=value,
        interval=interval(value, drawn, left_out, kind, level, units, metric_patients(metric, y, codes)),
        replicates=drawn,
        macro=float(macro),
        macro_interval=interval(macro, means, left_out_means, kind, level, weakest),
        macro_replicates=means,
        over=int(defined.sum()),
    )


def bootstrap_auroc(
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    patients: npt.ArrayLike,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    kind: Kind = "percentile",
) -> MetricBootstrap:
    """Return AUROC per finding and macro, with intervals from resampled patients: see `bootstrap_metric`."""
    return bootstrap_metric("auroc", target, probs, patients, replicates, seed, level, kind)


def bootstrap_means(
    values: npt.ArrayLike,
    groups: npt.ArrayLike,
    patients: npt.ArrayLike,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    n_groups: int | None = None,
    kind: Kind = "percentile",
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
        kind: ``percentile``, or ``bca`` with a leave-one-patient-out jackknife.

    Returns:
        means, intervals (a column of values in [0, 1] has the exact bound at 0 and 1) and replicates: for a ratio such
        as skill, take it of ``replicates`` column by column.
    """
    values, groups = np.asarray(values, dtype=np.float64), np.asarray(groups, dtype=np.int64)
    n_groups = int(groups.max(initial=-1)) + 1 if n_groups is None else n_groups
    table = values[:, None] if values.ndim == 1 else values
    counts, codes = draw_patient_counts(patients, replicates, seed)
    once = np.ones((1, counts.shape[1]))
    value = mean_replicates(table, groups, once, codes, n_groups)[0]
    drawn = mean_replicates(table, groups, counts, codes, n_groups)
    rows = np.bincount(groups[~np.isnan(table).any(axis=1)], minlength=n_groups)
    units, sizes = means_behind(table, groups, codes, n_groups)
    left_out = None
    if kind == "bca":
        left_out = leave_one_out(lambda w: mean_replicates(table, groups, w, codes, n_groups), counts.shape[1])
    ends = interval(value, drawn, left_out, kind, level, units, sizes)
    if values.ndim == 1:
        value, drawn = value[..., 0], drawn[..., 0]
        ends = Interval(ends.low[..., 0], ends.high[..., 0], ends.undefined[..., 0])
    return MeansBootstrap(value, ends, drawn, rows.astype(np.int64), units, sizes)


def means_behind(table: Floats, groups: Codes, codes: Codes, n_groups: int) -> tuple[Floats, Floats]:
    """Return ``(F, C)`` independent units and effective patients behind means per group, for `interval`.

    Args:
        table: ``(R, C)`` of `mean_replicates`; a row with NaN counts in none.
        groups: ``(R,)`` integers in ``[0, n_groups)``.
        codes: ``(R,)`` patients as integers from 0.
        n_groups: ``F``.

    Returns:
        units, the patients of a group, NaN in a column that leaves [0, 1]; and `effective_patients`.

    >>> units, patients = means_behind(np.ones((4, 1)), np.zeros(4, int), np.array([0, 0, 0, 1]), 1)
    >>> units.tolist(), patients.tolist()
    ([[2.0]], [[1.6]])
    """
    taken = ~np.isnan(table).any(axis=1)
    mine = [taken & (groups == group) for group in range(n_groups)]
    units = np.array([[len(np.unique(codes[rows]))] for rows in mine], dtype=np.float64)
    sizes = np.array([[effective_patients(rows, codes)] for rows in mine])
    bounded = ((table[taken] >= 0) & (table[taken] <= 1)).all(axis=0)
    return np.where(bounded, units, np.nan), np.broadcast_to(sizes, (n_groups, table.shape[1]))
