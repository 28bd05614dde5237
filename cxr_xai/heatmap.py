"""From a raw signed attribution to a map that can be shown and scored."""

import torch
import torch.nn.functional as F
from torch import Tensor

RESIZE_RULE = "bilinear"
"""Named in the certificate: bilinear between cell centers, as the ceiling assumes."""


FLAT = 1e-6
"""Relative difference below which a map points nowhere."""


def make_heatmap(attribution: Tensor) -> Tensor:
    """Return ``H = ReLU(raw) / max``, in [0, 1]; never min–max, which would promote the least negative evidence.

    A map without positive evidence, without finite evidence, or equal everywhere is dead and becomes NaN everywhere.

    Args:
        attribution: ``(..., h, w)`` raw, signed.

    >>> make_heatmap(torch.tensor([[-1.0, 0.0], [1.0, 2.0]])).tolist()
    [[0.0, 0.0], [0.5, 1.0]]
    >>> make_heatmap(torch.tensor([[-1.0, -2.0]])).tolist()
    [[nan, nan]]
    """
    positive = attribution.float().clamp(min=0)
    peak = positive.amax(dim=(-2, -1), keepdim=True)
    lowest = positive.amin(dim=(-2, -1), keepdim=True)
    alive = (peak > 0) & peak.isfinite() & (lowest < peak * (1 - FLAT))
    return torch.where(alive, positive / torch.where(alive, peak, 1), torch.nan)


def resize_heatmaps(heatmaps: Tensor, size: int | tuple[int, int]) -> Tensor:
    """``(M, h, w)`` on the explainer's grid → ``(M, H, W)`` on the image, bilinear between cell centers.

    Args:
        heatmaps: on any grid; one that is the image's own comes back as it is.
        size: ``(H, W)`` of the image, or its side.
    """
    size = (size, size) if isinstance(size, int) else size
    if tuple(heatmaps.shape[-2:]) == size:
        return heatmaps
    return F.interpolate(heatmaps[:, None], size, mode="bilinear", align_corners=False)[:, 0]
