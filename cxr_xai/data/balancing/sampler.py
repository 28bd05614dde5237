"""Rare findings drawn more often."""

import numpy as np
import numpy.typing as npt

from cxr_xai.data.balancing.plan import BalancePlan, TrainingPart
from cxr_xai.errors import UserError


def rarity_weights(targets: npt.NDArray[np.float32], power: float) -> npt.NDArray[np.float64]:
    """Return ``(rows,)`` weights: (share of negatives over share of the rarest positive finding) to ``power``.

    A study weighs as much as its rarest positive finding; a study without findings weighs as the most common one,
    so that it is neither flooded out nor favored. Frequencies are over known labels.

    >>> rarity_weights(np.array([[1, 0], [0, 1], [0, 1], [0, 0]], np.float32), power=1.0).tolist()
    [4.0, 2.0, 2.0, 2.0]
    """
    positive = targets == 1
    positives, known = positive.sum(axis=0), (~np.isnan(targets)).sum(axis=0)
    rarity = np.divide(known, positives, out=np.zeros(len(positives)), where=positives > 0)
    common = rarity[rarity > 0].min(initial=np.inf)
    if not np.isfinite(common):
        return np.ones(len(targets))
    weights: npt.NDArray[np.float64] = np.maximum((positive * rarity).max(axis=1), common) ** power
    return weights


class Sampler:
    """Multi-label aware weighted draws with replacement, as many as there are training studies.

    Args:
        power: 0 draws uniformly, 1 by inverse frequency; the square root tames the rarest findings.
    """

    def __init__(self, power: float = 0.5) -> None:
        if not 0 <= power <= 1:
            raise UserError(f"balancing.power is {power}; it must lie between 0 (uniform) and 1 (inverse frequency).")
        self.power = power

    def plan(self, part: TrainingPart) -> BalancePlan:
        """Compute the chances."""
        return BalancePlan(draw_weights=rarity_weights(part.targets, self.power))
