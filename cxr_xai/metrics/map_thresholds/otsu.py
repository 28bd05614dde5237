"""The threshold that divides a map's values into the two groups that are farthest apart."""

import torch
from torch import Tensor

BINS = 256


def otsu_threshold(heatmaps: Tensor) -> Tensor:
    """Return Otsu's threshold: the largest variance between the pixels below and above it, over 256 bins of [0, 1].

    Args:
        heatmaps: ``(M, H, W)`` in [0, 1].

    Returns:
        ``(M,)``, the lower edge of the first bin of the upper group, above zero; NaN for a map with NaN.

    Source: Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 1979.

    >>> round(otsu_threshold(torch.tensor([[[0.0, 0.1, 0.1, 0.9, 1.0]]])).item(), 2)
    0.1
    """
    maps = len(heatmaps)
    values = heatmaps.flatten(1)
    undefined = values.amax(1).isnan()
    bins = (values.nan_to_num(nan=0.0) * BINS).clamp(0, BINS - 1).to(torch.int32)
    bins += torch.arange(maps, device=bins.device, dtype=torch.int32)[:, None] * BINS
    counts = torch.bincount(bins.flatten(), minlength=maps * BINS).view(maps, BINS).double()
    centers = (torch.arange(BINS, device=counts.device, dtype=torch.float64) + 0.5) / BINS
    below, mass = counts.cumsum(1), (counts * centers).cumsum(1)
    above, rest = below[:, -1:] - below, mass[:, -1:] - mass
    between = below * above * (mass / below - rest / above).square()
    cut = between.nan_to_num(nan=0.0)[:, :-1].argmax(1) + 1
    return (cut / BINS).float().where(~undefined, torch.nan)
