"""F1 at a threshold that was fixed beforehand, under many weightings at once."""

import numpy as np
import numpy.typing as npt

from cxr_xai.stats.weightings import Codes, Floats, Weights, known_scores, ratio, weighted_sums


def f1_replicates(
    target: npt.ArrayLike, probs: npt.ArrayLike, threshold: float, weights: Weights, codes: Codes | None = None
) -> Floats:
    """Return ``2TP / (2TP + FP + FN)`` of one finding under many weightings.

    The threshold was chosen on other studies (val) and stays: the interval says how sure the F1 of this decision rule
    is, not how sure its choice was.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown (left out).
        probs: ``(N,)``; present where ``probs >= threshold``.
        threshold: of the finding; NaN gives NaN.
        weights: ``(B, P)`` counts per patient, or ``(B, N)`` per image where ``codes`` is not given.
        codes: ``(N,)`` the column of ``weights`` of each image.

    Returns:
        ``(B,)`` in [0, 1]; NaN where nothing is positive and nothing predicted.

    >>> f1_replicates([1, 0, 1], [0.9, 0.8, 0.4], 0.5, np.array([[1, 1, 1], [1, 0, 0]])).tolist()
    [0.5, 1.0]
    """
    y, p, known = known_scores(target, probs)
    if np.isnan(threshold):
        return np.full(len(weights), np.nan)
    predicted, present = known & (p >= threshold), known & (y == 1)
    hits = predicted & present
    sums = weighted_sums(np.column_stack([2.0 * hits, predicted * 1.0 + present]), weights, codes)
    return ratio(sums[:, 0], sums[:, 1])
