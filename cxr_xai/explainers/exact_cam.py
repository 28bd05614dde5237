"""Class activation maps that are exact, for all findings, from one forward pass.

Source: Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016
(https://arxiv.org/abs/1512.04150). Under global average pooling and one linear layer, Grad-CAM at the last feature map
is the same map before its ReLU (Selvaraju et al., https://arxiv.org/abs/1610.02391, appendix A).
"""

from typing import cast

import torch
from torch import Tensor, nn

from cxr_xai.explainers.contract import PooledLinear, borrow
from cxr_xai.types import Explanation


def exact_cam(features: Tensor, weight: Tensor) -> Tensor:
    """Return ``(N, K, h, w)`` maps ``sum_c weight[k, c] features[n, c] / (h w)``.

    Each map sums to its logit minus the bias. Differentiable in both arguments.

    Args:
        features: ``(N, C, h, w)`` last feature map.
        weight: ``(K, C)`` of the linear layer.

    >>> exact_cam(torch.ones(1, 3, 2, 2), torch.ones(1, 3)).sum().item()
    3.0
    """
    return torch.einsum("nchw,kc->nkhw", features, weight) / features[0, 0].numel()


class ExactCam:
    """The maps of all findings for the price of a forward pass."""

    name = "exact_cam"

    def explain(self, model: nn.Module, image: Tensor) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, K, h, w)`` maps and ``(N, K)`` logits."""
        with borrow(model):
            lent = cast(PooledLinear, model)
            features = lent.features(image.float()).float()
            maps = exact_cam(features, lent.head.weight.float())
            bias = 0.0 if lent.head.bias is None else lent.head.bias.float()
            return Explanation(maps, maps.sum(dim=(2, 3)) + bias)
