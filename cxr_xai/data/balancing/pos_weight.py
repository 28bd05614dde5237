"""Weights of positives for the loss, by a named rule.

A rule turns the numbers of positives P and negatives N of each finding, over known labels, into the weight of a
positive relative to a negative. It is infinite where there is no positive; the cap makes it finite.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.data.balancing.plan import BalancePlan, TrainingPart
from cxr_xai.errors import UserError

Counts = npt.NDArray[np.float64]
"""``(K,)`` labels per finding."""

Rule = Literal["neg_over_pos", "sqrt", "effective_number", "w_cel"]


def neg_over_pos(positives: Counts, negatives: Counts) -> Counts:
    """Return N / P: both sides of every finding weigh the same in total.

    >>> neg_over_pos(np.array([1.0, 4.0]), np.array([9.0, 4.0]))
    array([9., 1.])
    """
    ratio: Counts = np.divide(negatives, positives, out=np.full(len(positives), np.inf), where=positives > 0)
    return ratio


def sqrt(positives: Counts, negatives: Counts) -> Counts:
    """Return √(N / P), halfway (in logarithms) between no weights and balance.

    >>> sqrt(np.array([1.0, 4.0]), np.array([9.0, 4.0]))
    array([3., 1.])
    """
    root: Counts = np.sqrt(neg_over_pos(positives, negatives))
    return root


def effective_number(positives: Counts, negatives: Counts, beta: float) -> Counts:
    """Return E(N) / E(P), where E(n) = (1 - βⁿ) / (1 - β) is the effective number of n studies that overlap.

    β → 0 gives 1, β → 1 gives N / P; findings with far more than 1 / (1 - β) positives are hardly weighted.

    Cui et al., Class-balanced loss based on effective number of samples, CVPR 2019 (https://arxiv.org/abs/1901.05555).

    >>> effective_number(np.array([1.0]), np.array([2.0]), beta=0.5)
    array([1.5])
    """
    positive, negative = (-np.expm1(counts * np.log(beta)) for counts in (positives, negatives))
    return neg_over_pos(positive, negative)


def w_cel(positives: Counts, negatives: Counts) -> Counts:
    """Return ΣN / ΣP for every finding: the balance of positives and negatives over all labels pooled.

    Wang et al., ChestX-ray8, CVPR 2017 (https://arxiv.org/abs/1705.02315), weigh positives by βP = (P + N) / P and
    negatives by βN = (P + N) / N, with P and N counted over all labels of a batch. Here they are counted over the
    training part, once, and only the ratio βP / βN = N / P is kept: the common factor βN merely scales the loss.

    >>> w_cel(np.array([1.0, 4.0]), np.array([9.0, 6.0]))
    array([3., 3.])
    """
    pooled = neg_over_pos(positives.sum(keepdims=True), negatives.sum(keepdims=True))
    return np.repeat(pooled, len(positives))


class PosWeight:
    """Weights of positives, kept between 1 / cap and cap.

    Args:
        rule: ``neg_over_pos``, ``sqrt``, ``effective_number`` or ``w_cel``.
        cap: largest weight; uncapped, Hernia would weigh 490 on the release and its noise would steer training.
        beta: of ``effective_number`` alone. 0.9999 is the largest value of the paper: beyond 1 / (1 - β) = 10,000
            positives, more of the same are taken to tell little; three findings of the release have that many.
    """

    def __init__(self, rule: Rule = "neg_over_pos", cap: float = 50.0, beta: float = 0.9999) -> None:
        if cap < 1:
            raise UserError(f"balancing.cap is {cap}; a weight below 1 would punish positives: use 1 or more.")
        if not 0 < beta < 1:
            raise UserError(f"balancing.beta is {beta}; it must lie between 0 and 1, both excluded (0.9999).")
        rules: dict[Rule, Callable[[Counts, Counts], Counts]] = {
            "neg_over_pos": neg_over_pos,
            "sqrt": sqrt,
            "effective_number": partial(effective_number, beta=beta),
            "w_cel": w_cel,
        }
        self.rule, self.cap = rules[rule], cap

    def plan(self, part: TrainingPart) -> BalancePlan:
        """Compute the weights; a finding without positives gets the cap."""
        positives, negatives = ((part.targets == value).sum(axis=0).astype(np.float64) for value in (1, 0))
        weights = self.rule(positives, negatives).clip(1 / self.cap, self.cap)
        return BalancePlan(pos_weight=torch.from_numpy(weights).float())
