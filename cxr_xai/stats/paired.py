"""Two arms on the same studies: cut into folds, and the difference bootstrapped over patients on the same draws."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from cxr_xai.errors import UserError
from cxr_xai.stats.bootstrap import draw_patient_counts
from cxr_xai.stats.delong import delong
from cxr_xai.stats.statistic import Measure, metric_statistic
from cxr_xai.stats.weightings import Codes, Floats, Weights, mean_defined


class PairedFold(NamedTuple):
    """The held-out studies of one fold under both arms.

    Attributes:
        target: ``(n, K)``.
        first: ``S`` arrays ``(n, K)``, one per seed.
        second: likewise.
        codes: ``(n,)`` patients as integers from 0.
        patients: ``P``.
    """

    target: Floats
    first: list[Floats]
    second: list[Floats]
    codes: Codes
    patients: int


class PairedBootstrap(NamedTuple):
    """A difference between arms, per finding.

    Attributes:
        first: ``(K,)`` metric of the first arm: mean over seeds and folds where both arms have one.
        second: likewise.
        by_fold: ``(F, K)`` first - second, mean over seeds; NaN where undefined.
        replicates: ``(B, K)`` of first - second.
    """

    first: Floats
    second: Floats
    by_fold: Floats
    replicates: Floats


def pair_folds(
    target: npt.ArrayLike,
    first: Sequence[npt.ArrayLike],
    second: Sequence[npt.ArrayLike],
    patients: npt.ArrayLike,
    fold: npt.ArrayLike | None = None,
) -> list[PairedFold]:
    """Cut aligned predictions of two arms into folds.

    Args:
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown; or what the measure takes for it, for instance groups.
        first: ``S`` arrays ``(N, K)``, one per seed; seed ``s`` of one arm is paired with seed ``s`` of the other.
        second: likewise.
        patients: ``(N,)`` identifiers.
        fold: ``(N,)`` the fold whose models predicted the study; None where there is one.

    Raises:
        UserError: arms of different numbers of seeds, shapes that disagree, or a patient in two folds.
    """
    y = np.asarray(target, dtype=np.float64)
    arms = [[np.asarray(probs, dtype=np.float64) for probs in arm] for arm in (first, second)]
    if len(arms[0]) != len(arms[1]) or not arms[0]:
        raise UserError(f"found {len(arms[0])} and {len(arms[1])} seeds; give both arms the same number, at least one")
    shapes = {probs.shape for arm in arms for probs in arm}
    if len(shapes) > 1 or {len(shape) for shape in (*shapes, y.shape)} != {2} or min(shapes)[0] != len(y):
        raise UserError(f"found targets of shape {y.shape} and predictions of {sorted(shapes)}; all must be (N, K)")
    who = np.asarray(patients)
    which = np.zeros(len(y), np.int64) if fold is None else np.asarray(fold)
    names, who = np.unique(who, return_inverse=True)
    homes = np.unique(np.stack([who, np.unique(which, return_inverse=True)[1]]), axis=1)  # (patient, fold), each once
    torn = int((np.bincount(homes[0], minlength=len(names)) > 1).sum())
    if torn:
        raise UserError(f"{torn} patients stand in several folds; folds must be patient-disjoint")
    parts = []
    for name in np.unique(which):
        rows = which == name
        members, codes = np.unique(who[rows], return_inverse=True)
        cut = [[probs[rows] for probs in arm] for arm in arms]
        parts.append(PairedFold(y[rows], cut[0], cut[1], codes.astype(np.int64), len(members)))
    return parts


def paired_bootstrap(folds: Sequence[PairedFold], metric: Measure, replicates: int, seed: int) -> PairedBootstrap:
    """Return the difference between two arms with replicates from resampled patients.

    Each fold's patients are drawn among themselves, as folds are strata of the design, and both arms and all seeds are
    weighted by the same draws. The metric is taken within each fold and seed, never over pooled probabilities of
    different models, and averaged with equal weights.

    Args:
        folds: from `pair_folds`.
        metric: ``auroc auprc brier ece``, ``f1`` where the arms' arrays are decisions (0 or 1), or a measure.
        replicates: ``B``.
        seed: of the draws; another metric or contrast with the same patients has the same draws.
    """
    values, drawn = [], []
    for number, fold in enumerate(folds):
        counts, _ = draw_patient_counts(np.arange(fold.patients), replicates, (seed, number))
        values.append(_arms(fold, metric, np.ones((1, fold.patients), np.uint8))[:, :, 0])
        arms = _arms(fold, metric, counts)
        drawn.append(arms[0] - arms[1])
    both = np.stack(values)  # (F, 2, S, K)
    both = np.where(np.isnan(both).any(axis=1, keepdims=True), np.nan, both)
    first, second = (_mean(both[:, arm], (0, 1)) for arm in (0, 1))
    by_fold = _mean(both[:, 0] - both[:, 1], (1,))
    return PairedBootstrap(first, second, by_fold, _mean(np.stack(drawn), (0, 1)))


def bootstrap_p(replicates: Floats) -> Floats:
    """Return two-sided p values of no difference: twice the smaller share of replicates at or beyond 0, +1 rule.

    Args:
        replicates: ``(B, …)`` differences; NaN ones are left out.

    Returns:
        ``(…)`` in (0, 1]; NaN where none is defined.

    >>> float(bootstrap_p(np.arange(-1.0, 98.0)))  # 2 of 99 at or below 0: 2 · 3 / 100
    0.06
    """
    defined = ~np.isnan(replicates)
    below, above = ((side & defined).sum(axis=0) for side in (replicates <= 0, replicates >= 0))
    count = defined.sum(axis=0)
    p = np.minimum(1, 2 * (np.minimum(below, above) + 1) / (count + 1))
    return np.where(count > 0, p, np.nan)


def paired_delong(folds: Sequence[PairedFold]) -> Floats:
    """Return ``(K,)`` two-sided p values of equal AUROCs by DeLong's covariance, without resampling.

    The difference is the mean over folds and seeds; its variance is that of the areas of all seeds of both arms on the
    same studies, in Obuchowski's clustered form (`stats.delong`), summed over folds, whose patients are others.

    Args:
        folds: from `pair_folds`; a fold in which a finding's variance is undefined is left out.

    Returns:
        NaN where no fold is left, or where the arms rank alike.
    """
    seeds = len(folds[0].first)
    contrast = np.repeat([1.0, -1.0], seeds) / seeds
    moments = np.full((2, len(folds), folds[0].target.shape[1]), np.nan)
    for f, fold in enumerate(folds):
        scores = np.stack([*fold.first, *fold.second], axis=-1)
        for k, target in enumerate(fold.target.T):
            areas = delong(target, scores[:, k], fold.codes)
            moments[:, f, k] = contrast @ areas.value, contrast @ areas.covariance @ contrast
    defined = ~np.isnan(moments).any(axis=0)
    difference, variance = np.where(defined, moments, 0).sum(axis=1)
    error = np.sqrt(np.where(variance > 1e-15, variance, np.nan))
    p: Floats = 2 * ndtr(-np.abs(difference) / error)
    return p


def _arms(fold: PairedFold, metric: Measure, weights: Weights) -> Floats:
    """``(2, S, B, K)`` the metric of both arms and all seeds."""
    cuts = np.full(fold.target.shape[1], 0.5)

    def values(probs: Floats) -> Floats:
        if callable(metric):
            return metric(fold.target, probs, fold.codes)(weights)
        return metric_statistic(metric, fold.target, probs, fold.codes, cuts)(weights)

    return np.stack([np.stack([values(probs) for probs in arm]) for arm in (fold.first, fold.second)])


def _mean(values: Floats, axes: tuple[int, ...]) -> Floats:
    """Mean over some axes, NaN left out."""
    moved = np.moveaxis(values, axes, range(-len(axes), 0))
    return mean_defined(moved.reshape(*moved.shape[: -len(axes)], -1))
