"""Binary cross-entropy with weighted positives."""

from torch import Tensor

from cxr_xai.losses.bce import bce
from cxr_xai.losses.contract import Loss


class WeightedBCE(Loss):
    """Mean binary cross-entropy over known labels, positives of finding k weighing ``pos_weight[k]``.

    Args:
        pos_weight: ``(K,)`` from the balancing, computed on the training part.
        smoothing: see ``Loss``.
    """

    pos_weight: Tensor

    def __init__(self, pos_weight: Tensor, smoothing: float = 0.0) -> None:
        super().__init__(smoothing)
        self.register_buffer("pos_weight", pos_weight)

    def elementwise(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``(N, K)`` losses."""
        return bce(logits, target, self.pos_weight)
