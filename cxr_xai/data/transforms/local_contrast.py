"""Contrast-limited adaptive histogram equalization (Zuiderveld, Graphics Gems IV, 1994) of a batch of films."""

import torch
from torch import Tensor

TILES = 8
"""Per side, as in the paper."""
LEVELS = 256


def equalize_locally(levels: Tensor, clip: float) -> Tensor:
    """Return ``(N, 1, S, S)`` float32 in [0, 1] from ``(N, 1, S, S)`` uint8 gray levels.

    Each of 8 × 8 tiles has a look-up table, the cumulative histogram of its gray levels, of which no bin may hold more
    than ``clip`` times its even share: what is above is spread over all bins. A pixel's value is interpolated
    bilinearly between the tables of the four nearest tiles. Where the side is not a multiple of 8, the film is
    continued by its mirror image.

    Args:
        levels: the films as stored.
        clip: 1 is mild, 40 nearly equalizes each tile's histogram.
    """
    size = levels.shape[-1]
    tile = -(-size // TILES)
    levels = levels[:, 0].int()
    tables = _make_tables(_mirror(levels, tile * TILES), tile, clip)
    place = ((torch.arange(size, device=levels.device) + 0.5) / tile - 0.5).clamp_(0, TILES - 1)
    first = place.int().clamp_(max=TILES - 2)
    right = place - first
    levels += LEVELS * (TILES * first[:, None] + first)
    levels += LEVELS * TILES**2 * torch.arange(len(levels), device=levels.device, dtype=torch.int32)[:, None, None]

    def look_up(rows: int, columns: int) -> Tensor:
        beside = tables[LEVELS * (TILES * rows + columns) :]
        return beside.index_select(0, levels.view(-1)).view(levels.shape)

    upper, lower = (look_up(row, 0).lerp_(look_up(row, 1), right) for row in (0, 1))
    return upper.lerp_(lower, right[:, None]).unsqueeze(1)


def _mirror(levels: Tensor, size: int) -> Tensor:
    """Continue ``(N, S, S)`` to ``(N, size, size)``, the last row and column not repeated."""
    if levels.shape[-1] == size:
        return levels
    last = levels.shape[-1] - 1
    place = last - (last - torch.arange(size, device=levels.device)).abs()
    return levels[:, place[:, None], place]


def _make_tables(levels: Tensor, tile: int, clip: float) -> Tensor:
    """Return ``(N * TILES * TILES * LEVELS,)`` float32 in [0, 1], film by film, tile by tile, level by level."""
    tiles = levels.view(-1, TILES, tile, TILES, tile).transpose(2, 3).reshape(-1, tile**2)
    bins = tiles + LEVELS * torch.arange(len(tiles), device=levels.device, dtype=torch.int32)[:, None]
    counts = torch.bincount(bins.view(-1), minlength=len(tiles) * LEVELS).view(-1, LEVELS).float()
    kept = counts.clamp_(max=max(clip * tile**2 / LEVELS, 1))
    kept += (tile**2 - kept.sum(1, keepdim=True)) / LEVELS
    return kept.cumsum(1).div_(tile**2).clamp_(max=1).view(-1)
