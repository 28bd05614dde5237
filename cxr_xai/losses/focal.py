"""Focal loss for multi-label logits.

Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017 (https://arxiv.org/abs/1708.02002), equation 5.
"""

import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.losses.bce import bce, mean_known


def focal(logits: Tensor, target: Tensor, gamma: float, alpha: float | None) -> Tensor:
    """Return ``(N, K)`` elementwise ``-a_t (1 - p_t)^gamma log p_t``; unknown labels must be masked.

    With gamma 0 and no alpha this is binary cross-entropy.

    Args:
        logits: ``(N, K)``.
        target: ``(N, K)`` 0, 1 or NaN.
        gamma: at least 0; how much easy labels fade.
        alpha: weight of positives, 1 - alpha of negatives; None weighs both 1. (alpha = 1 would erase all negatives.)
    """
    cross_entropy = bce(logits, target)
    loss = (1 - torch.exp(-cross_entropy)) ** gamma * cross_entropy if gamma else cross_entropy
    if alpha is None:
        return loss
    return torch.where(target == 1, alpha, 1 - alpha) * loss


class Focal(nn.Module):
    """Mean focal loss over known labels.

    Args:
        gamma: at least 0; 2 in the paper.
        alpha: in (0, 1), or None.
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = None) -> None:
        super().__init__()
        if gamma < 0 or (0 < gamma < 1):
            raise UserError(
                f"loss.gamma is {gamma}; it must be 0 or at least 1 (between, the gradient is infinite at 0)."
            )
        if alpha is not None and not 0 < alpha < 1:
            raise UserError(
                f"loss.alpha is {alpha}; it must lie between 0 and 1 (1 would erase all negatives), or null."
            )
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """``(N, K)`` logits and targets → scalar."""
        return mean_known(focal(logits, target, self.gamma, self.alpha), target)
