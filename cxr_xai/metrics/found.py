"""Shares of boxes that were found: above a threshold of IoU or IoBB, and by two measures at once."""

import numpy as np
import numpy.typing as npt

T = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds of the curves T(IoU) and T(IoBB)."""
AGREED = 0.1
"""IoU from which a box and a region agree, where the peak lies inside too."""

Floats = npt.NDArray[np.float64]


def above(scores: npt.ArrayLike, thresholds: npt.ArrayLike = T) -> Floats:
    """Say at which thresholds each box is found (score above, not at it); a dead map, NaN, finds nothing.

    Args:
        scores: ``(M,)`` IoU or IoBB.
        thresholds: ``(T,)``.

    Returns:
        ``(M, T)`` of 0 and 1, whose mean over boxes is the curve.

    >>> above([0.15, float("nan")], [0.1, 0.2]).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    # scores are single precision: a threshold of exactly .1 must not be passed by a rounded one
    found = np.asarray(scores, np.float64)[:, None] > np.asarray(thresholds) + 1e-7
    return found.astype(np.float64)


def agreement(iou: npt.ArrayLike, pointing: npt.ArrayLike, least: float = AGREED) -> Floats:
    """Say how far each map agrees with its box: IoU of at least .1, and the peak inside.

    Args:
        iou: ``(M,)``.
        pointing: ``(M,)`` share of the tied peaks that lie inside, 0 or 1 without ties.
        least: IoU from which a region agrees.

    Returns:
        ``(M,)`` in [0, 1]: the pointing score where the IoU suffices, else 0; a dead map (NaN) agrees with nothing.

    >>> agreement([0.1, 0.05, 0.5, float("nan")], [1, 1, 0.5, float("nan")]).tolist()
    [1.0, 0.0, 0.5, 0.0]
    """
    reached = np.asarray(iou, np.float64) >= least - 1e-7
    return np.where(reached, np.nan_to_num(np.asarray(pointing, np.float64)), 0.0)
