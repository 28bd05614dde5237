"""EigenCAM: the first principal component of the feature map.

Source: Muhammad & Yeasin, Eigen-CAM: Class Activation Map using Principal Components, IJCNN 2020
(https://arxiv.org/abs/2008.00299). Sign: Chung & Ying, Seg-Eigen-CAM, Applied Sciences 2025
(https://doi.org/10.3390/app15137562), equation 13.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from cxr_xai.explainers.library_cam import Array, LibraryCam


class EigenCam(LibraryCam):
    """Places of the map projected on the first principal axis of its channels, centered over places.

    It knows no finding: **the map is the same for all findings** of a film, whatever the logits say. It shows what the
    network responds to most, and is a control of how far that alone goes.

    The sign of a principal axis is arbitrary, and the library leaves it to the linear algebra at hand; here the larger
    deviation is positive.
    """

    name = "eigen_cam"
    method = "EigenCAM"

    def draw(self, library: Any, film: Tensor, features: Tensor, logits: Tensor, chosen: Sequence[int]) -> Array:
        """Return ``(N, F, h, w)`` maps, one a film, repeated for each finding."""
        activations = features.detach().cpu().numpy()
        maps: Array = library.get_cam_image(film, None, None, activations, None, False)[:, None]
        turned = -maps.min(axis=(2, 3), keepdims=True) > maps.max(axis=(2, 3), keepdims=True)
        return np.repeat(np.where(turned, -maps, maps), len(chosen), axis=1)
