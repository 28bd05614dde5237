"""Guided Grad-CAM: the fine structure of guided backpropagation where the class activation map is positive.

Source: Selvaraju et al., Grad-CAM, ICCV 2017 (https://arxiv.org/abs/1610.02391), section 3.2. Under pooling and one
linear layer Grad-CAM at the last feature map is the exact map before its ReLU, which needs no backward pass of its own.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.exact_cam import exact_cam
from cxr_xai.explainers.guided_backprop import GuidedReLUs
from cxr_xai.explainers.input_gradients import input_gradients
from cxr_xai.heatmap import RESIZE_RULE
from cxr_xai.types import Explanation


class GuidedGradCam:
    """The product of both, from one forward pass; zero where the class activation map is not positive."""

    name = "guided_grad_cam"

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` guided gradients × ReLU of the resized map."""
        with borrow(model, gradients=True) as lent:
            films = fresh(image).requires_grad_()
            with GuidedReLUs():
                features = lent.features(films)
                logits = lent.classify(features)
            columns = choose_findings(findings, logits.shape[1])
            guided = input_gradients(logits, films, columns)
            maps = exact_cam(features.detach(), lent.head.weight[columns]).clamp(min=0)
            resized = F.interpolate(maps, films.shape[-2:], mode=RESIZE_RULE, align_corners=False)
            return Explanation(guided * resized, logits.detach())
