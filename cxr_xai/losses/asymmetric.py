"""Asymmetric loss: negatives fade faster than positives, and very easy ones are dropped.

Source: Ridnik et al., Asymmetric Loss For Multi-Label Classification, ICCV 2021 (https://arxiv.org/abs/2009.14119),
equations 4 to 7.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.losses.contract import Loss, cross_entropies, mix, require_power


def asymmetric(logits: Tensor, target: Tensor, gamma_pos: float, gamma_neg: float, margin: float) -> Tensor:
    """Return ``(N, K)`` elementwise losses; unknown labels must be masked.

    ``-(1 - p)^gamma_pos log p`` of positives, ``-q^gamma_neg log(1 - q)`` of negatives, ``q = max(p - margin, 0)``. The
    gradient goes through the powers as well. Negatives below the margin have neither loss nor gradient; those that the
    network is sure to be positive, and that may be wrongly labeled, have a bounded loss and a gradient that fades.

    Args:
        logits: ``(N, K)``.
        target: ``(N, K)`` in [0, 1], or NaN; a soft label is that share of a positive, the rest of a negative.
        gamma_pos: at least 0; how much easy positives fade.
        gamma_neg: at least 0; how much easy negatives fade.
        margin: in [0, 1); taken off the probability of negatives.
    """
    scores = logits.float()
    positive = cross_entropies(scores)[0]
    # log(1 - q) = log(1 - p + margin), where 1 - p may be too small for float32 but its logarithm is not.
    negative = -torch.logaddexp(F.logsigmoid(-scores), scores.new_tensor(margin).log()).clamp(max=0)
    if gamma_pos:
        positive = torch.sigmoid(-scores) ** gamma_pos * positive
    if gamma_neg:
        negative = (torch.sigmoid(scores) - margin).clamp(min=0) ** gamma_neg * negative
    return mix(target, positive, negative)


class Asymmetric(Loss):
    """Mean asymmetric loss over known labels.

    Args:
        gamma_pos: 0 or at least 1.
        gamma_neg: 0 or at least 1.
        margin: in [0, 1).
        smoothing: see ``Loss``.
    """

    def __init__(
        self, gamma_pos: float = 0.0, gamma_neg: float = 4.0, margin: float = 0.05, smoothing: float = 0.0
    ) -> None:
        super().__init__(smoothing)
        require_power("gamma_pos", gamma_pos)
        require_power("gamma_neg", gamma_neg)
        if not 0 <= margin < 1:
            raise UserError(f"loss.margin is {margin}; it must be 0 or more, and below 1 (1 erases all negatives).")
        self.gamma_pos, self.gamma_neg, self.margin = gamma_pos, gamma_neg, margin

    def elementwise(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``(N, K)`` losses."""
        return asymmetric(logits, target, self.gamma_pos, self.gamma_neg, self.margin)
