"""Weights of positives for the loss."""

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.data.balancing.plan import BalancePlan
from cxr_xai.errors import UserError


def negatives_per_positive(targets: npt.NDArray[np.float32], cap: float) -> npt.NDArray[np.float64]:
    """Return ``(K,)`` negatives / positives, kept between 1 / cap and cap.

    >>> negatives_per_positive(np.array([[1, 0], [0, 0], [0, 0], [np.nan, 0]], np.float32), cap=50)
    array([ 2., 50.])
    """
    positives = np.nansum(targets == 1, axis=0).astype(np.float64)
    negatives = np.nansum(targets == 0, axis=0).astype(np.float64)
    ratio = np.full_like(negatives, np.inf)
    np.divide(negatives, positives, out=ratio, where=positives > 0)
    capped: npt.NDArray[np.float64] = np.clip(ratio, 1 / cap, cap)
    return capped


class PosWeight:
    """Negatives over positives per finding.

    Args:
        cap: largest weight; uncapped, Hernia would weigh 490 on the release and its noise would steer training.
    """

    def __init__(self, cap: float = 50.0) -> None:
        if cap < 1:
            raise UserError(f"balancing.cap is {cap}; a weight below 1 would punish positives: use 1 or more.")
        self.cap = cap

    def plan(self, targets: npt.NDArray[np.float32]) -> BalancePlan:
        """Compute the weights."""
        return BalancePlan(pos_weight=torch.from_numpy(negatives_per_positive(targets, self.cap)).float())
