"""What a balancing method looks at, and what it hands on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from cxr_xai.data.balancing.synthetic import Synthetic
from cxr_xai.data.films.files import Films


@dataclass(frozen=True)
class TrainingPart:
    """All that a balancing may look at; val, test and other folds cannot be reached from it.

    Attributes:
        targets: ``(n, K)`` 1 present, 0 absent, NaN unknown.
        films: gives ``(len, H, W)`` uint8 for positions 0 to n - 1, read where they lie.
    """

    targets: npt.NDArray[np.float32]
    films: Films


@dataclass(frozen=True)
class BalancePlan:
    """Computed once, from the training part only.

    Attributes:
        pos_weight: ``(K,)`` weight of a positive relative to a negative, for losses that ask for it.
        draw_weights: ``(n,)`` relative chance of a training study to be drawn; None visits each once an epoch.
        synthetic: studies that are visited once an epoch beside the real ones.
        counts: synthetic studies by the finding they were made for; 0 where it had fewer than two positive studies.
    """

    pos_weight: Tensor | None = None
    draw_weights: npt.NDArray[np.float64] | None = None
    synthetic: Synthetic | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def count_served(targets: npt.NDArray[np.float32], plan: BalancePlan) -> npt.NDArray[np.float64]:
    """Return the ``(2, K)`` positives and negatives that an epoch is expected to serve.

    Weighted draws are as many as there are real studies; every synthetic study comes once.
    """
    draws = np.ones(len(targets))
    if plan.draw_weights is not None:
        draws = plan.draw_weights * (len(targets) / plan.draw_weights.sum())
    counts: npt.NDArray[np.float64] = np.stack([draws @ (targets == value) for value in (1, 0)])
    if plan.synthetic is not None:
        counts += [(plan.synthetic.targets == value).sum(axis=0) for value in (1, 0)]
    return counts


def drawn_prevalence(targets: npt.NDArray[np.float32], plan: BalancePlan) -> npt.NDArray[np.float64]:
    """Return the ``(K,)`` expected share of positives as the loader serves them; NaN where none is known.

    Weights of the loss change nothing here.

    >>> targets = np.array([[1.0, np.nan], [0.0, np.nan], [0.0, np.nan]], np.float32)
    >>> drawn_prevalence(targets, BalancePlan(draw_weights=np.array([2.0, 1.0, 1.0])))
    array([0.5, nan])
    """
    positive, negative = count_served(targets, plan)
    return _share(positive, positive + negative, np.nan)


def seen_prevalence(targets: npt.NDArray[np.float32], plan: BalancePlan) -> npt.NDArray[np.float64]:
    """Return the ``(K,)`` share of positives as the loss meets them: drawn and weighted; 0.5 where none is known.

    >>> import torch
    >>> targets = np.array([[1.0], [0.0], [0.0], [0.0]], np.float32)
    >>> seen_prevalence(targets, BalancePlan()), seen_prevalence(targets, BalancePlan(pos_weight=torch.tensor([3.0])))
    (array([0.25]), array([0.5]))
    """
    positive, negative = count_served(targets, plan)
    if plan.pos_weight is not None:
        positive = positive * plan.pos_weight.double().numpy()
    return _share(positive, positive + negative, 0.5)


def _share(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64], undefined: float) -> npt.NDArray[np.float64]:
    share: npt.NDArray[np.float64] = np.divide(part, whole, out=np.full(len(whole), undefined), where=whole > 0)
    return share


class Balancing(Protocol):
    """A member of the ``balancing`` group."""

    def plan(self, part: TrainingPart) -> BalancePlan:
        """Compute from the training part; a label that is NaN is unknown and counts for neither side."""
        ...
