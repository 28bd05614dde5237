"""What a balancing method hands on."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor


@dataclass(frozen=True)
class BalancePlan:
    """Computed once, from the training part only.

    Attributes:
        pos_weight: ``(K,)`` weight of a positive relative to a negative, for losses that ask for it.
        draw_weights: ``(rows,)`` relative chance of a training study to be drawn; None visits each once an epoch.
    """

    pos_weight: Tensor | None = None
    draw_weights: npt.NDArray[np.float64] | None = None


class Balancing(Protocol):
    """A member of the ``balancing`` group."""

    def plan(self, targets: npt.NDArray[np.float32]) -> BalancePlan:
        """Compute from the ``(rows, K)`` targets of the training part; NaN is unknown and counts for neither side."""
        ...
