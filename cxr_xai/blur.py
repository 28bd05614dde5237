"""Films out of focus: what explainers and judges of maps put in the place of evidence."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

BLUR = 1 / 16
"""Standard deviation of the blur in sides of the film: 14 px at 224, at which a nodule is gone and the chest is not."""


def blur_films(image: Tensor, sigma: float) -> Tensor:
    """Convolve ``(N, 1, H, W)`` films with a Gaussian of ``sigma`` pixels, cut at 3 sigma, mirrored at the border.

    >>> blur_films(torch.full((1, 1, 4, 4), 0.5), 1.0).mean().round(decimals=6).item()
    0.5
    """
    radius = min(max(math.ceil(3 * sigma), 1), min(image.shape[-2:]) - 1)  # no film can be mirrored further
    place = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel = kernel / kernel.sum()
    mirrored = F.pad(image, (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(mirrored, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
