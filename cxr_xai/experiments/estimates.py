"""A value with its interval, as summaries hold it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.stats.clusters import effective_patients
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.permutation import permutations_needed
from cxr_xai.stats.weightings import Floats


def estimates(value: npt.ArrayLike, replicates: Floats, patients: npt.ArrayLike | None = None) -> Any:
    """Return ``{value, low, high}`` in lists nested as the values are; percentile intervals at 95 %.

    Args:
        value: ``(…)``.
        replicates: ``(B, …)``.
        patients: ``(…)`` or one effective number behind them all; few of them widen the interval.

    >>> estimates([0.5], np.array([[0.5], [0.5]]))
    [{'value': 0.5, 'low': 0.5, 'high': 0.5}]
    """
    values = np.asarray(value, np.float64)
    behind = None if patients is None else np.broadcast_to(np.asarray(patients, np.float64), values.shape)
    ends = interval(values, replicates, kind="percentile", patients=behind)
    return _nest(values, np.asarray(ends.low), np.asarray(ends.high))


def _nest(value: Floats, low: Floats, high: Floats) -> Any:
    if value.ndim == 0:
        return {"value": float(value), "low": float(low), "high": float(high)}
    return [_nest(*entry) for entry in zip(value, low, high, strict=True)]


def count_patients(patients: npt.ArrayLike, rows: npt.NDArray[np.bool_] | None = None) -> float:
    """Return how many equal patients the rows say as much as.

    >>> count_patients(["a", "a", "b", "c"])
    2.6666666666666665
    """
    codes = np.unique(np.asarray(patients), return_inverse=True)[1]
    return effective_patients(np.ones(len(codes), bool) if rows is None else rows, codes)


def require_replicates(replicates: int, tests: int, what: str) -> None:
    """Refuse a bootstrap whose smallest p value is too coarse for Holm's correction: 20 replicates a test, over .05.

    Raises:
        UserError: says how many are needed.
    """
    if replicates < (needed := permutations_needed(tests)):
        raise UserError(
            f"bootstrap={replicates}: the corrected p values of {tests} {what} need {needed} replicates or more."
        )
