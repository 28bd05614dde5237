"""Binary cross-entropy with weighted positives."""

from torch import Tensor, nn

from cxr_xai.losses.bce import bce, mean_known


class WeightedBCE(nn.Module):
    """Mean binary cross-entropy over known labels, positives of finding k weighing ``pos_weight[k]``.

    Args:
        pos_weight: ``(K,)`` from the balancing, computed on the training part.
    """

    pos_weight: Tensor

    def __init__(self, pos_weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """``(N, K)`` logits and targets → scalar."""
        return mean_known(bce(logits, target, self.pos_weight), target)
