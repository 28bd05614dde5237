"""Brier score and expected calibration error under many weightings at once."""

import numpy as np
import numpy.typing as npt

from cxr_xai.stats.weightings import Codes, Floats, Weights, known_scores, ratio, weighted_sums


def brier_replicates(
    target: npt.ArrayLike, probs: npt.ArrayLike, weights: Weights, codes: Codes | None = None
) -> Floats:
    """Return the weighted mean of ``(p - y)²`` of one finding under many weightings.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown (left out).
        probs: ``(N,)`` in [0, 1].
        weights: ``(B, P)`` counts per patient, or ``(B, N)`` per image where ``codes`` is not given.
        codes: ``(N,)`` the column of ``weights`` of each image.

    Returns:
        ``(B,)`` in [0, 1]; NaN where no known study has weight.

    >>> brier_replicates([1, 0], [0.5, 0.0], np.array([[1, 1], [1, 0]])).tolist()
    [0.125, 0.25]
    """
    y, p, known = known_scores(target, probs)
    sums = weighted_sums(np.column_stack([np.where(known, (p - y) ** 2, 0), known]), weights, codes)
    return ratio(sums[:, 0], sums[:, 1])


def equal_mass_bins(target: npt.ArrayLike, probs: npt.ArrayLike, bins: int = 15) -> Codes:
    """Return the bin of each study, ``⌊rank · bins / n⌋`` over known targets; equal probabilities share a bin.

    Args:
        target: ``(N,)`` 1, 0 or NaN.
        probs: ``(N,)`` in [0, 1].
        bins: of equal mass.

    Returns:
        ``(N,)`` in ``[0, bins)``; 0 where the target is unknown.

    >>> equal_mass_bins([1, 0, 1, np.nan, 0], [0.9, 0.2, 0.9, 0.5, 0.2], bins=2).tolist()
    [1, 0, 1, 0, 0]
    """
    _, p, known = known_scores(target, probs)
    place = np.zeros(len(p), dtype=np.int64)
    place[known] = np.searchsorted(np.sort(p[known]), p[known]) * bins // max(int(known.sum()), 1)
    return place


def ece_replicates(
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    weights: Weights,
    codes: Codes | None = None,
    bins: int = 15,
    place: Codes | None = None,
) -> Floats:
    """Return the expected calibration error ``Σ_b |Σ_{i in b} w_i (p_i - y_i)| / Σ_i w_i`` under many weightings.

    The bins are those of the sample, not drawn anew in each replicate. So every replicate, and every left-out patient,
    estimates the same quantity, the error over these ranges of probability; a study does not jump between bins because
    another was drawn, which would make the jackknife of BCa noise; and it is one matrix product. On 22,433 real studies
    the spread is .88 to 1.04 times that of bins drawn anew (median .98) and the mean the same to .0004.

    Either way an absolute value is biased upwards by its noise, about ``.8 √(bins · p(1-p) / N)``, and a replicate more
    so. Intervals hold a true error that stands out of that noise (at 1.8 times it percentiles .94 and BCa .90 of 200
    simulated samples), BCa corrects in part for one that does not (at .7 times it .63 where percentiles hold .05), and
    none holds an error near 0. To test calibration take the Brier score.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown (left out).
        probs: ``(N,)`` in [0, 1].
        weights: ``(B, P)`` counts per patient, or ``(B, N)`` per image where ``codes`` is not given.
        codes: ``(N,)`` the column of ``weights`` of each image.
        bins: of equal mass.
        place: ``(N,)`` bins of the studies; by default `equal_mass_bins`.

    Returns:
        ``(B,)`` in [0, 1]; NaN where no known study has weight.

    >>> ece_replicates([1, 0, 1, 0], [0.9, 0.2, 0.9, 0.2], np.ones((1, 4)), bins=2).tolist()
    [0.15]
    """
    y, p, known = known_scores(target, probs)
    place = equal_mass_bins(y, p, bins) if place is None else place
    codes = np.arange(len(y)) if codes is None else codes
    gaps = np.bincount(codes * bins + place, np.where(known, p - y, 0), weights.shape[1] * bins)
    images = np.bincount(codes, known, weights.shape[1])
    sums = weighted_sums(np.column_stack([gaps.reshape(-1, bins), images]), weights)
    return ratio(np.abs(sums[:, :-1]).sum(axis=1), sums[:, -1])
