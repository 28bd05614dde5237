"""Class activation maps that are exact, for all findings, from one forward pass.

Source: Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016
(https://arxiv.org/abs/1512.04150). Under global average pooling and one linear layer, Grad-CAM at the last feature map
is the same map before its ReLU (Selvaraju et al., https://arxiv.org/abs/1610.02391, appendix A).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cxr_xai.explainers.contract import borrow, choose_findings
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

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` maps, ``(N, K)`` logits; a map's sum is exact."""
        with borrow(model) as lent:
            features = lent.features(image.float()).float()
            weight = lent.head.weight.float()
            bias = torch.zeros(len(weight), device=weight.device) if lent.head.bias is None else lent.head.bias.float()
            logits = features.mean(dim=(2, 3)) @ weight.T + bias
            chosen = choose_findings(findings, len(weight))
            maps = exact_cam(features, weight[chosen])
            return Explanation(maps, logits, maps.sum(dim=(2, 3)) - (logits - bias)[:, chosen])
