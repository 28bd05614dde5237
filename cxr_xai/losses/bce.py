"""Binary cross-entropy over known labels."""

import torch.nn.functional as F
from torch import Tensor

from cxr_xai.losses.contract import Loss


def bce(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    """Return ``(N, K)`` elementwise binary cross-entropy; unknown labels count as absent and must be masked.

    ``w y log(1 + exp(-z)) + (1 - y) log(1 + exp(z))``, computed in float32, hence finite at any logit.

    Args:
        logits: ``(N, K)``.
        target: ``(N, K)`` in [0, 1], or NaN.
        pos_weight: ``(K,)`` weight of positives.
    """
    return F.binary_cross_entropy_with_logits(
        logits.float(), target.float().nan_to_num(), pos_weight=pos_weight, reduction="none"
    )


class BCE(Loss):
    """Mean binary cross-entropy over known labels."""

    def elementwise(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``(N, K)`` losses."""
        return bce(logits, target)
