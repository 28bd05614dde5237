"""The threshold that keeps a share of the image: the same area for every map, whatever its scale."""

import torch
from torch import Tensor


def quantile_threshold(heatmaps: Tensor, share: float = 0.1) -> Tensor:
    """Return the lowest value that no more than ``share`` of the pixels reach.

    Ties are left out rather than taken in, so that a map that is mostly zero, or mostly anything, never has the whole
    image for its region; a map whose maximum alone fills more than the share keeps its maximum.

    Args:
        heatmaps: ``(M, H, W)`` in [0, 1].
        share: of the image, in (0, 1).

    Returns:
        ``(M,)``, above zero; NaN for a map with NaN or of zeros.

    >>> mostly_zero = torch.tensor([[[0.0, 0, 0, 0, 0, 0, 0, 0, 0.2, 1.0]]])
    >>> [round(quantile_threshold(mostly_zero, share).item(), 1) for share in (0.1, 0.2, 0.5)]
    [1.0, 0.2, 0.2]
    """
    values = heatmaps.flatten(1)
    count = values.shape[1]
    kept = min(int(share * count + 1e-9), count - 1)
    order = values.cpu().numpy().copy()
    order.partition(count - 1 - kept, axis=1)
    below = torch.from_numpy(order[:, count - 1 - kept].copy()).to(values.device)  # the first value past the share
    top = values.amax(1)
    above = values.where(values > below[:, None], torch.inf).amin(1)
    threshold = above.where(below < top, top)
    return threshold.where((top > 0) & ~top.isnan(), torch.nan)
