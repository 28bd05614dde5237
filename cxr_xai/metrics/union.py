"""A label that is wider than each of several findings: present where any of them is."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def any_of(target: npt.ArrayLike) -> Floats:
    """Return the union of findings: 1 where one is present, NaN where none is known to be and one is unknown.

    Args:
        target: ``(N, F)`` 1 present, 0 absent, NaN unknown.

    Returns:
        ``(N,)``.

    >>> any_of([[0, 1], [0, 0], [np.nan, 1], [np.nan, 0]]).tolist()
    [1.0, 0.0, 1.0, nan]
    """
    y = np.asarray(target, dtype=np.float64)
    unknown = np.where(np.isnan(y).any(axis=1), np.nan, 0.0)
    return np.where((y == 1).any(axis=1), 1.0, unknown)


def at_least(probs: npt.ArrayLike) -> Floats:
    """Return the largest probability: the union is at least as probable as its likeliest finding.

    Args:
        probs: ``(N, F)`` in [0, 1].

    Returns:
        ``(N,)``.

    >>> at_least([[0.5, 0.5], [0.1, 0.9]]).tolist()
    [0.5, 0.9]
    """
    return np.asarray(np.asarray(probs, dtype=np.float64).max(axis=1))


def independent(probs: npt.ArrayLike) -> Floats:
    """Return ``1 - Π(1 - p)``: the union's probability, were findings independent.

    Args:
        probs: ``(N, F)`` in [0, 1].

    Returns:
        ``(N,)``.

    >>> independent([[0.5, 0.5], [0.0, 1.0]]).tolist()
    [0.75, 1.0]
    """
    return np.asarray(1 - np.prod(1 - np.asarray(probs, dtype=np.float64), axis=1))
