"""Binary cross-entropy over known labels."""

import torch.nn.functional as F
from torch import Tensor, nn


def mean_known(loss: Tensor, target: Tensor) -> Tensor:
    """Average ``(N, K)`` losses over the labels that are known; 0, with a gradient, where none is.

    Args:
        loss: finite everywhere, also under unknown labels.
        target: NaN marks unknown.
    """
    known = ~target.isnan()
    return (loss * known).sum() / known.sum().clamp(min=1)


def bce(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    """Return ``(N, K)`` elementwise binary cross-entropy; unknown labels count as absent and must be masked.

    ``w y log(1 + exp(-z)) + (1 - y) log(1 + exp(z))``, computed in float32, hence finite at any logit.

    Args:
        logits: ``(N, K)``.
        target: ``(N, K)`` 0, 1 or NaN.
        pos_weight: ``(K,)`` weight of positives.
    """
    return F.binary_cross_entropy_with_logits(
        logits.float(), target.float().nan_to_num(), pos_weight=pos_weight, reduction="none"
    )


class BCE(nn.Module):
    """Mean binary cross-entropy over known labels."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """``(N, K)`` logits and targets → scalar."""
        return mean_known(bce(logits, target), target)
