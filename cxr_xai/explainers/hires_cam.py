"""HiResCAM: feature maps times gradients, place by place.

Source: Draelos & Carin, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks
(https://arxiv.org/abs/2011.08891).
"""

from cxr_xai.explainers.library_cam import LibraryCam


class HiResCam(LibraryCam):
    """``sum_c g[c] A[c]``, ``g = d logit / d A``, not averaged over the map; signed, before the ReLU.

    Under global average pooling and one linear layer (all heads here) the gradient at the last feature map is the same
    everywhere: with ``layer=-1`` HiResCAM, Grad-CAM and the exact class activation map are one map, whose sum is the
    logit minus the bias. At earlier layers they differ.
    """

    name = "hires_cam"
    method = "HiResCAM"
