"""The threshold that finds a fixed share of the positives."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.metrics.columns import Floats
from cxr_xai.metrics.thresholds.contract import Cut, choose_cuts


def reach_sensitivity(y: Floats, p: Floats, sensitivity: float) -> float:
    """Return the highest probability at which at least this share of the positives is predicted.

    >>> reach_sensitivity(np.array([1.0, 1.0, 0.0]), np.array([0.8, 0.4, 0.6]), 0.9)  # both are needed
    0.4
    """
    positives = np.sort(p[y == 1])[::-1]
    needed = math.ceil(sensitivity * len(positives) - 1e-9)  # .9 of 10 must not become 10 by rounding
    return float(positives[max(needed, 1) - 1])


@dataclass(frozen=True)
class FixedSensitivity:
    """Rule ``val_sensitivity``: what is missed is decided first, what it costs in alarms is read off.

    Attributes:
        sensitivity: share of the positives of val that are predicted, in (0, 1].
        min_positives: in val; below it the threshold is matched to the prevalence.
    """

    sensitivity: float = 0.9
    min_positives: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity <= 1:
            raise UserError(f"threshold.sensitivity is {self.sensitivity}; it must be above 0 and at most 1.")

    def choose(self, target: npt.ArrayLike, probs: npt.ArrayLike) -> tuple[Cut, ...]:
        """Choose a cut for each column."""
        rule = partial(reach_sensitivity, sensitivity=self.sensitivity)
        return choose_cuts(target, probs, rule, "val_sensitivity", self.min_positives)
