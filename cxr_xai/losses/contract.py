"""What all losses share: unknown labels are masked, soft labels are shares, smoothing is for training."""

import torch.nn.functional as F
from torch import Tensor, nn

from cxr_xai.errors import UserError


def mean_known(loss: Tensor, target: Tensor) -> Tensor:
    """Average ``(N, K)`` losses over the labels that are known; 0, with a gradient, where none is.

    Args:
        loss: finite everywhere, also under unknown labels.
        target: NaN marks unknown.
    """
    known = ~target.isnan()
    return (loss * known).sum() / known.sum().clamp(min=1)


def soften(target: Tensor, smoothing: float) -> Tensor:
    """Move labels towards 1/2, ``(1 - s) y + s / 2``; unknown ones stay NaN.

    Source: Szegedy et al., Rethinking the Inception Architecture, CVPR 2016 (https://arxiv.org/abs/1512.00567),
    section 7, with the two answers of one finding as its labels.
    """
    return target * (1 - smoothing) + smoothing / 2 if smoothing else target


def mix(target: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Return ``(N, K)`` ``y l(1) + (1 - y) l(0)``: a soft label is that share of a positive, the rest of a negative.

    Args:
        target: ``(N, K)`` in [0, 1]; NaN counts as 0 and must be masked.
        positive: ``(N, K)`` loss if the finding is present.
        negative: ``(N, K)`` loss if it is absent.
    """
    share = target.float().nan_to_num()
    return share * positive + (1 - share) * negative


def cross_entropies(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``-log p`` and ``-log (1 - p)`` of ``(N, K)`` logits in float32, finite at any logit."""
    return -F.logsigmoid(logits.float()), -F.logsigmoid(-logits.float())


class Loss(nn.Module):
    """A mean over known labels.

    Losses are linear in the target, so that blended films (mixup, synthetic studies) weigh as their two labels do.

    Args:
        smoothing: in [0, 1); how far labels are moved towards 1/2 while training. Val is judged by labels as they are.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= smoothing < 1:
            raise UserError(f"loss.smoothing is {smoothing}; it must be 0 or more, and below 1 (1 erases all labels).")
        self.smoothing = smoothing

    def elementwise(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``(N, K)`` losses, finite everywhere; those of unknown labels are masked afterwards."""
        raise NotImplementedError

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """``(N, K)`` logits and targets → scalar."""
        softened = soften(target, self.smoothing) if self.training else target
        return mean_known(self.elementwise(logits, softened), target)


def require_power(name: str, gamma: float) -> None:
    """Refuse an exponent of a probability whose gradient is infinite where the probability is 0."""
    if gamma < 0 or (0 < gamma < 1):
        raise UserError(f"loss.{name} is {gamma}; it must be 0 or at least 1 (between, the gradient is infinite at 0).")
