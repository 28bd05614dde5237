"""In which order a map has evidence taken away, over cells that are the same for every method.

All orders, those of the controls included, rank the cells of one grid: a map of 7 × 7, one of 224 × 224 and chance
then remove patches of one shape, and none of them breaks the film into finer pieces than the others.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.metrics.localization import dead_maps

Grid = tuple[int, int]


def pool_cells(maps: Tensor, size: Grid, cells: Grid) -> Tensor:
    """Resize signed maps to the film (bilinear between cell centers) and average them over the cells.

    Args:
        maps: ``(..., h, w)`` on the explainer's own grid.
        size: ``(H, W)`` of the film.
        cells: ``(a, b)``, at most ``size``.

    Returns:
        ``(..., a, b)`` float32; a map that is not finite somewhere is NaN.
    """
    flat = maps.reshape(-1, 1, *maps.shape[-2:]).float()
    if flat.shape[-2:] != size:
        flat = F.interpolate(flat, size, mode="bilinear", align_corners=False)
    pooled = flat if size == cells else F.adaptive_avg_pool2d(flat, cells)
    finite = torch.isfinite(flat).flatten(1).all(1).view(-1, 1, 1, 1)
    return pooled.where(finite, torch.nan).reshape(*maps.shape[:-2], *cells)


def find_dead(maps: Tensor) -> Tensor:
    """Say which signed maps have no positive evidence, are not finite or are the same everywhere: they name nothing.

    Args:
        maps: ``(..., h, w)`` signed.

    Returns:
        ``(...)`` bool.

    >>> find_dead(torch.tensor([[[-1.0, 0.0]], [[0.0, 1.0]]])).tolist()
    [True, False]
    """
    flat = maps.reshape(-1, *maps.shape[-2:])
    return dead_maps(flat.clamp(min=0)).reshape(maps.shape[:-2])


def rank_cells(values: Tensor, seed: int = 0) -> Tensor:
    """Rank cells from the most positive evidence (0) to the most negative; equal ones by lot, the same lot every time.

    Args:
        values: ``(M, a, b)`` signed; NaN comes last.
        seed: of the lot.

    Returns:
        ``(M, a, b)`` int64, each number below ``a · b`` once.

    >>> rank_cells(torch.tensor([[[0.1, 0.7], [-1.0, 0.3]]])).tolist()
    [[[2, 0], [3, 1]]]
    """
    flat = values.flatten(1).nan_to_num(nan=-torch.inf, neginf=-torch.inf)
    lot = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed)).to(flat.device)
    order = lot[torch.argsort(flat[:, lot], dim=1, descending=True, stable=True)]
    places = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).view(values.shape)


def draw_ranks(cells: Grid, seeds: int, seed: int = 0) -> Tensor:
    """Return ``(seeds, a, b)`` orders by chance, the same for every film."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randperm(cells[0] * cells[1], generator=generator).view(cells) for _ in range(seeds)]
    return torch.stack(drawn) if drawn else torch.zeros(0, *cells, dtype=torch.int64)
