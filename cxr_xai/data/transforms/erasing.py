"""Random erasing (Zhong et al., AAAI 2020, https://arxiv.org/abs/1708.04896): no single place may decide alone."""

import math

import torch
from torch import Tensor

from cxr_xai.data.transforms.draws import Stream, draw_uniform

SMALLEST_AREA = 0.02
"""Share of the film, as in the paper."""
LONGEST = 1 / 0.3
"""Height over width at most, and width over height, as in the paper."""


def draw_rectangles(seed: int, epoch: int, index: Tensor, share: float, largest_area: float) -> Tensor:
    """Return ``(N, 4)`` xyxy in shares of the side, within the film; empty (all 0) for films that keep everything.

    Args:
        seed: of the run.
        epoch: of training.
        index: ``(N,)`` int64, the studies.
        share: of films that lose a rectangle.
        largest_area: share of the film; at most 0.3, so that the longest rectangle still fits.
    """
    u = draw_uniform(seed, epoch, index, 5, Stream.ERASING)
    area = SMALLEST_AREA + u[:, 1] * (largest_area - SMALLEST_AREA)
    aspect = torch.exp((2 * u[:, 2] - 1) * math.log(LONGEST))
    size = torch.stack([area / aspect, area * aspect], dim=1).sqrt()
    start = u[:, 3:] * (1 - size)
    return torch.cat([start, start + size], dim=1) * (u[:, :1] < share)


def erase(image: Tensor, rectangles: Tensor) -> Tensor:
    """Fill ``(N, 4)`` rectangles, xyxy in shares of the side, of ``(N, 1, H, W)`` images with each image's mean.

    A pixel belongs to a rectangle if its center does.
    """
    height, width = ((torch.arange(n, device=image.device) + 0.5) / n for n in image.shape[-2:])
    x0, y0, x1, y1 = rectangles[:, :, None].unbind(1)
    inside = ((height >= y0) & (height < y1))[:, None, :, None] & ((width >= x0) & (width < x1))[:, None, None, :]
    return torch.where(inside, image.mean(dim=(1, 2, 3), keepdim=True), image)
