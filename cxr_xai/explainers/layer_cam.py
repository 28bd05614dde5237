"""LayerCAM: feature maps times positive gradients, place by place.

Source: Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE TIP 2021
(https://ieeexplore.ieee.org/document/9462463).
"""

from cxr_xai.explainers.library_cam import LibraryCam


class LayerCam(LibraryCam):
    """``sum_c ReLU(g[c]) A[c]``, ``g = d logit / d A``.

    It leaves out the evidence against a finding: also at the last feature map it is not the exact class activation map
    but that of the positive weights alone, and on maps that end in a ReLU it has no negative values. Made for earlier
    layers, where weighting place by place keeps fine maps meaningful.
    """

    name = "layer_cam"
    method = "LayerCAM"
