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


def seen_prevalence(targets: npt.NDArray[np.float32], plan: BalancePlan) -> npt.NDArray[np.float64]:
    """Return the ``(K,)`` share of positives as the loss meets them: after draws and weights; 0.5 where none is known.

    >>> import torch
    >>> targets = np.array([[1.0], [0.0], [0.0], [0.0]], np.float32)
    >>> seen_prevalence(targets, BalancePlan()), seen_prevalence(targets, BalancePlan(pos_weight=torch.tensor([3.0])))
    (array([0.25]), array([0.5]))
    """
    draws = np.ones(len(targets)) if plan.draw_weights is None else plan.draw_weights
    positive, negative = (draws @ (targets == value) for value in (1, 0))
    if plan.pos_weight is not None:
        positive = positive * plan.pos_weight.double().numpy()
    known = positive + negative
    share: npt.NDArray[np.float64] = np.divide(positive, known, out=np.full(len(known), 0.5), where=known > 0)
    return share


class Balancing(Protocol):
    """A member of the ``balancing`` group."""

    def plan(self, targets: npt.NDArray[np.float32]) -> BalancePlan:
        """Compute from the ``(rows, K)`` targets of the training part; NaN is unknown and counts for neither side."""
        ...
