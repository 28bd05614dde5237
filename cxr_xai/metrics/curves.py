"""ROC and precision–recall curves of one finding, thinned for the eye."""

import numpy as np
import numpy.typing as npt

from cxr_xai.metrics.columns import Floats, has_both

MOST = 200
"""Points of a thinned curve: no corner is further from it than a hundredth."""


def count_above(y: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Return ``(d,)`` true and false positives at each distinct score, the highest first; equal scores go together."""
    order = np.argsort(-p, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    true = np.cumsum(y[order] == 1)[ends].astype(np.float64)
    return true, ends + 1 - true


def roc_curve(y: Floats, p: Floats, most: int = MOST) -> Floats:
    """Return ``(P, 2)`` false and true positive rates from (0, 0) to (1, 1); no row without both classes.

    Args:
        y: ``(n,)`` 1 or 0.
        p: ``(n,)`` scores.
        most: points at most.

    >>> roc_curve(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.7])).tolist()
    [[0.0, 0.0], [0.0, 0.5], [1.0, 0.5], [1.0, 1.0]]
    """
    if not has_both(y):
        return np.empty((0, 2))
    true, false = (np.append(0.0, counts) for counts in count_above(y, p))
    return thin(np.column_stack([false / false[-1], true / true[-1]]), most)


def precision_recall_curve(y: Floats, p: Floats, most: int = MOST) -> Floats:
    """Return ``(P, 2)`` recall and precision at falling thresholds, up to a recall of 1; no row without both classes.

    Args:
        y: ``(n,)`` 1 or 0.
        p: ``(n,)`` scores.
        most: points at most.

    >>> precision_recall_curve(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.7])).tolist()[0]
    [0.5, 1.0]
    """
    if not has_both(y):
        return np.empty((0, 2))
    true, false = count_above(y, p)
    reached = true > 0
    points = np.column_stack([true / true[-1], true / (true + false)])[reached]
    last = int(np.argmax(points[:, 0] == 1.0))  # lower thresholds find no more
    return thin(points[: last + 1], most)


def thin(points: Floats, most: int = MOST) -> Floats:
    """Keep at most so many points of a curve, both ends among them, evenly spread along its way.

    Args:
        points: ``(P, 2)``.
        most: 2 or more.

    >>> thin(np.column_stack([np.arange(5.0), np.zeros(5)]), 3)[:, 0].tolist()
    [0.0, 2.0, 4.0]
    """
    if len(points) <= most:
        return points
    way = np.append(0.0, np.cumsum(np.abs(np.diff(points, axis=0)).sum(axis=1)))
    kept: npt.NDArray[np.intp] = np.unique(np.searchsorted(way, np.linspace(0.0, way[-1], most)).clip(0, len(way) - 1))
    return points[kept]
