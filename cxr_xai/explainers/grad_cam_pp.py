"""Grad-CAM++: gradients are weighted place by place before they are summed.

Source: Chattopadhay et al., Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks, WACV 2018
(https://arxiv.org/abs/1710.11063), equations 10 and 19.
"""

from cxr_xai.explainers.library_cam import LibraryCam


class GradCamPP(LibraryCam):
    """``sum_c w[c] A[c]`` with ``w[c] = sum alpha[c] ReLU(g[c])`` and ``alpha = g² / (2 g² + g³ sum A + 1e-6)``.

    ``g = d logit / d A``. Weights are not negative: evidence against a finding does not show, and on feature maps that
    end in a ReLU the map has no negative values. The constant is the library's; where gradients are far below 1e-3 it
    decides how channels are weighted.
    """

    name = "grad_cam_pp"
    method = "GradCAMPlusPlus"
