"""Focal loss for multi-label logits.

Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017 (https://arxiv.org/abs/1708.02002), equation 5.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.losses.contract import Loss, cross_entropies, mix, require_power

Alpha = float | Sequence[float] | Literal["prevalence"] | None
RAREST = 1e-4
"""A prevalence nearer to 0 or 1 is taken as this, or a finding that is absent from training would lose a side."""


def focal(logits: Tensor, target: Tensor, gamma: float, alpha: Tensor | float | None) -> Tensor:
    """Return ``(N, K)`` elementwise ``-a_t (1 - p_t)^gamma log p_t``; unknown labels must be masked.

    With gamma 0 and no alpha this is binary cross-entropy.

    Args:
        logits: ``(N, K)``.
        target: ``(N, K)`` in [0, 1], or NaN; a soft label is that share of a positive, the rest of a negative.
        gamma: at least 0; how much easy labels fade.
        alpha: weight of positives, one or ``(K,)``; 1 - alpha of negatives; None weighs both 1. (alpha = 1 would
            erase all negatives.)
    """
    positive, negative = cross_entropies(logits)
    if gamma:
        positive = torch.sigmoid(-logits.float()) ** gamma * positive
        negative = torch.sigmoid(logits.float()) ** gamma * negative
    if alpha is not None:
        positive, negative = alpha * positive, (1 - alpha) * negative
    return mix(target, positive, negative)


def make_alpha(alpha: Alpha, prevalence: Tensor | None = None) -> Tensor | None:
    """Return the weight of positives as ``()`` or ``(K,)``; None stays None.

    Args:
        alpha: in (0, 1), for all findings or one for each; ``"prevalence"`` takes 1 - prevalence, the inverse class
            frequency that the paper names, by which both sides of a finding weigh alike.
        prevalence: ``(K,)`` share of positives in the training part.

    Raises:
        UserError: a weight would erase a side, or the count is wrong.
    """
    if alpha is None:
        return None
    if isinstance(alpha, str):
        if prevalence is None:
            raise UserError(f"loss.alpha={alpha} needs the prevalence of the training part; hand it to the loss.")
        return 1 - prevalence.float().clamp(RAREST, 1 - RAREST)
    if isinstance(alpha, Sequence) and len(alpha) != len(FINDINGS):
        raise UserError(f"loss.alpha has {len(alpha)} entries; give one for each of the {len(FINDINGS)} findings.")
    weights = torch.tensor(list(alpha) if isinstance(alpha, Sequence) else alpha, dtype=torch.float32)
    if not ((weights > 0) & (weights < 1)).all():
        raise UserError(
            f"loss.alpha is {alpha}; it must lie between 0 and 1 (1 would erase all negatives), or be null or "
            "prevalence."
        )
    return weights


class Focal(Loss):
    """Mean focal loss over known labels.

    Args:
        gamma: 0 or at least 1; 2 in the paper.
        alpha: as ``make_alpha`` takes it.
        smoothing: see ``Loss``.
        prevalence: ``(K,)`` of the training part, for ``alpha="prevalence"`` alone.
    """

    alpha: Tensor | None

    def __init__(
        self, gamma: float = 2.0, alpha: Alpha = None, smoothing: float = 0.0, prevalence: Tensor | None = None
    ) -> None:
        super().__init__(smoothing)
        require_power("gamma", gamma)
        self.gamma = gamma
        self.register_buffer("alpha", make_alpha(alpha, prevalence))

    def elementwise(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``(N, K)`` losses."""
        return focal(logits, target, self.gamma, self.alpha)
