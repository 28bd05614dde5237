"""One column a finding: its known targets beside its scores."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError

Floats = npt.NDArray[np.float64]


def known_columns(target: npt.ArrayLike, scores: npt.ArrayLike) -> list[tuple[Floats, Floats]]:
    """Return the known targets of each finding and their scores.

    Args:
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown (left out).
        scores: ``(N, K)`` probabilities or logits.

    Returns:
        ``K`` pairs of ``(n_k,)`` arrays.

    Raises:
        UserError: shapes disagree, or a known target has a score that is not finite.

    >>> known_columns([[1, np.nan], [0, 1]], [[0.9, 0.2], [0.3, 0.4]])[1]
    (array([1.]), array([0.4]))
    """
    y, s = np.asarray(target, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 2:
        raise UserError(f"found target of shape {y.shape} and scores of shape {s.shape}; both must be (N, K)")
    known = ~np.isnan(y)
    if not np.isfinite(s[known]).all():
        bad = np.flatnonzero((known & ~np.isfinite(s)).any(axis=0)).tolist()
        raise UserError(f"found scores that are not finite in columns {bad}; check the predictions of this run")
    return [(y[k, j], s[k, j]) for j, k in enumerate(known.T)]


def per_finding(target: npt.ArrayLike, scores: npt.ArrayLike, metric: Callable[[Floats, Floats], float]) -> Floats:
    """Return ``(K,)`` a metric of the known targets of each finding, NaN where none is known."""
    columns = known_columns(target, scores)
    return np.array([metric(y, s) if len(y) else np.nan for y, s in columns], dtype=np.float64)


def has_both(y: Floats) -> bool:
    """Tell whether there are positives and negatives among known targets."""
    return bool((y == 1).any() and (y == 0).any())


def count_support(y: Floats) -> int:
    """Return how many studies the rarer of present and absent has."""
    return int(min((y == 1).sum(), (y == 0).sum()))
