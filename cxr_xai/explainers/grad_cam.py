"""Grad-CAM: feature maps weighted by their mean gradient.

Source: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017
(https://arxiv.org/abs/1610.02391).
"""

from cxr_xai.explainers.library_cam import LibraryCam


class GradCam(LibraryCam):
    """``sum_c a[c] A[c]`` with ``a[c]`` the mean over the map of ``d logit / d A[c]``; signed, before the ReLU.

    Under global average pooling and one linear layer (all heads here) the gradient at the last feature map is the same
    everywhere, ``weight / (h w)``: with ``layer=-1`` Grad-CAM, HiResCAM and the exact class activation map are one map,
    and ``exact_cam`` has it for the price of a forward pass. At earlier layers they differ.
    """

    name = "grad_cam"
    method = "GradCAM"
