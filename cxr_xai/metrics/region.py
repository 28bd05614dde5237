"""Boxes and regions on the pixel grid: which pixels a box holds, which box a region fills, how well two agree.

Pixel ``(row, col)`` covers ``[col, col+1) × [row, row+1)``; its center is at ``+0.5``. Boxes are xyxy in pixels.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cxr_xai.errors import UserError

Boxes = Sequence[Tensor] | Tensor
"""The boxes of each of ``M`` maps: ``M`` tensors ``(B_m, 4)``, or one ``(M, 4)`` tensor where each map has one box."""

Rule = Literal["all", "largest"]
"""Which part of a region counts: all of it, or its largest 4-connected component."""


def pack_boxes(boxes: Boxes, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Put the boxes of ``M`` maps into one flat list.

    Args:
        boxes: the boxes of each map, xyxy in pixels.
        device: where the result is wanted (default: where the boxes are).

    Returns:
        ``(T, 4)`` float32 boxes and ``(T,)`` int64, the map that each belongs to.

    Raises:
        UserError: a map has no box, so there is nothing to judge it against.

    >>> pack_boxes([torch.zeros(1, 4), torch.ones(2, 4)])[1].tolist()
    [0, 1, 1]
    """
    per_map = [box.reshape(-1, 4) for box in boxes]
    counts = [len(box) for box in per_map]
    if 0 in counts:
        raise UserError(
            f"map {counts.index(0)} of {len(counts)} has no box; score only the (image, finding) pairs that have one"
        )
    flat = torch.cat(per_map) if per_map else torch.zeros(0, 4)
    owner = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts, dtype=torch.long))
    device = device or flat.device
    return flat.to(device=device, dtype=torch.float32), owner.to(device)


def box_sides(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the rows and the columns that each box holds; its pixels are their product.

    A pixel belongs to a box if its center does (``x1 <= col + 0.5 < x2``). A box that holds no pixel center takes the
    one pixel that holds the box's own center. A box outside the image takes nothing.

    Args:
        boxes: ``(T, 4)`` xyxy in pixels of the image.
        size: ``(H, W)`` of the image.

    Returns:
        ``(T, H)`` and ``(T, W)`` bool.

    >>> rows, columns = box_sides(torch.tensor([[0.5, 0.0, 2.0, 1.0]]), (2, 3))
    >>> rows.tolist(), columns.tolist()
    ([[True, False]], [[True, True, False]])
    """
    height, width = size
    x1, y1, x2, y2 = (edge[:, None] for edge in boxes.unbind(1))
    x = torch.arange(width, device=boxes.device) + 0.5
    y = torch.arange(height, device=boxes.device) + 0.5
    columns, rows = (x >= x1) & (x < x2), (y >= y1) & (y < y2)
    missed = ~(columns.any(1) & rows.any(1))
    if missed.any():
        # the one pixel around the box's center: [col, col+1) holds it
        middle_x, middle_y = ((x1 + x2) / 2)[missed], ((y1 + y2) / 2)[missed]
        columns[missed] = (x - 0.5 <= middle_x) & (middle_x < x + 0.5)
        rows[missed] = (y - 0.5 <= middle_y) & (middle_y < y + 0.5)
    return rows, columns


def rasterize_boxes(boxes: Boxes, size: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Return the pixels that each map's boxes hold (their union); see `box_sides` for which those are.

    Args:
        boxes: the boxes of each of ``M`` maps, xyxy in pixels of the image.
        size: ``(H, W)`` of the image.
        device: where the result is wanted (default: where the boxes are).

    Returns:
        ``(M, H, W)`` bool.

    >>> rasterize_boxes(torch.tensor([[0.5, 0.0, 2.0, 1.0]]), (2, 3)).int().tolist()
    [[[1, 1, 0], [0, 0, 0]]]
    """
    flat, owner = pack_boxes(boxes, device)
    rows, columns = box_sides(flat, size)
    if len(flat) == len(boxes):
        return rows[:, :, None] & columns[:, None, :]
    mask = torch.zeros(len(boxes), *size, dtype=torch.bool, device=flat.device)
    first = torch.searchsorted(owner, owner)
    rank = torch.arange(len(owner), device=owner.device) - first
    for r in range(int(rank.max()) + 1):  # the r-th box of every map at once, so that no index repeats
        rth = rank == r
        mask[owner[rth]] |= rows[rth][:, :, None] & columns[rth][:, None, :]
    return mask


def region(heatmaps: Tensor, threshold: float | Tensor = 0.5, rule: Rule = "all") -> Tensor:
    """Return the pixels with ``H >= threshold`` and ``H > 0``.

    Args:
        heatmaps: ``(M, H, W)`` in [0, 1]; NaN never belongs to a region.
        threshold: absolute, on the scale of ``H``; one for all maps, or ``(M,)``, where NaN gives an empty region.
        rule: ``all`` of the region, or its ``largest`` 4-connected component (the first in reading order if two tie).

    Returns:
        ``(M, H, W)`` bool; may be empty.
    """
    found = heatmaps >= _positive(threshold, heatmaps)
    return found if rule == "all" else _largest_component(found)


def _positive(threshold: float | Tensor, heatmaps: Tensor) -> Tensor:
    """``(M, 1, 1)`` thresholds above zero: one of zero must not take the whole image."""
    cut = torch.as_tensor(threshold, dtype=heatmaps.dtype, device=heatmaps.device)
    return cut.clamp(min=torch.finfo(heatmaps.dtype).tiny).reshape(-1, 1, 1)


def peaks_along(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maximum of every row and of every column, ``(M, H)`` and ``(M, W)``: all that tight boxes depend on.

    Args:
        heatmaps: ``(M, H, W)``.
    """
    return heatmaps.amax(2), heatmaps.amax(1)


def level_box(rows: Tensor, columns: Tensor, threshold: float | Tensor = 0.5) -> Tensor:
    """Return ``region_box(region(H, threshold))`` from the maxima along the axes, for any number of thresholds.

    Args:
        rows: ``(M, H)`` of `peaks_along`.
        columns: ``(M, W)``.
        threshold: one for all, or ``(M,)``.

    Returns:
        ``(M, 4)`` float32 xyxy; NaN where the region is empty.

    >>> level_box(*peaks_along(torch.tensor([[[0.0, 0.2], [0.0, 0.7]]])), threshold=0.5).tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    cut = _positive(threshold, rows)[..., 0]
    return _around((rows >= cut).byte(), (columns >= cut).byte())


def _largest_component(found: Tensor) -> Tensor:
    from scipy.ndimage import label  # only this rule needs it

    parts = found.cpu().numpy()
    kept = np.zeros_like(parts)
    for m, part in enumerate(parts):
        components, count = label(part)
        if count:
            kept[m] = components == 1 + np.bincount(components.ravel())[1:].argmax()
    return torch.from_numpy(kept).to(found.device)


def region_box(found: Tensor) -> Tensor:
    """Return the tight box around each region.

    Args:
        found: ``(M, H, W)`` bool.

    Returns:
        ``(M, 4)`` float32 xyxy; NaN where the region is empty.

    >>> region_box(torch.tensor([[[0, 0, 0], [0, 1, 1]]]).bool()).tolist()
    [[1.0, 1.0, 3.0, 2.0]]
    """
    return _around(found.any(2).byte(), found.any(1).byte())


def _around(rows: Tensor, columns: Tensor) -> Tensor:
    # argmax returns the first of equal values
    left, top = columns.argmax(1), rows.argmax(1)
    right = columns.shape[1] - columns.flip(1).argmax(1)
    bottom = rows.shape[1] - rows.flip(1).argmax(1)
    box = torch.stack([left, top, right, bottom], dim=1).float()
    return torch.where(rows.amax(1)[:, None] > 0, box, torch.nan)


def box_area(box: Tensor) -> Tensor:
    """Return the area of boxes ``(…, 4)`` xyxy, in square pixels; 0 for an inverted box."""
    return (box[..., 2] - box[..., 0]).clamp(min=0) * (box[..., 3] - box[..., 1]).clamp(min=0)


def _intersection(a: Tensor, b: Tensor) -> Tensor:
    corners = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    return box_area(torch.cat(corners, dim=-1))


def box_iou(detected: Tensor, truth: Tensor) -> Tensor:
    """Return intersection over union of two boxes, pair by pair.

    Args:
        detected: ``(…, 4)`` xyxy.
        truth: ``(…, 4)`` xyxy, broadcastable to ``detected``.

    Returns:
        ``(…)`` in [0, 1]; NaN where either box is NaN or both are empty.

    >>> box_iou(torch.tensor([0.0, 0, 2, 2]), torch.tensor([1.0, 0, 3, 2])).item()  # 2 / 6
    0.3333333432674408
    """
    shared = _intersection(detected, truth)
    return shared / (box_area(detected) + box_area(truth) - shared)


def box_iobb(detected: Tensor, truth: Tensor) -> Tensor:
    """Return intersection over the area of the *detected* box (Wang et al., CVPR 2017).

    Args:
        detected: ``(…, 4)`` xyxy.
        truth: ``(…, 4)`` xyxy, broadcastable to ``detected``.

    Returns:
        ``(…)`` in [0, 1]; NaN where the detected box is NaN or empty.

    >>> box_iobb(torch.tensor([0.0, 0, 2, 2]), torch.tensor([1.0, 0, 9, 9])).item()
    0.5
    """
    return _intersection(detected, truth) / box_area(detected)


def count_pixels(mask: Tensor) -> Tensor:
    """Return how many pixels are set in each ``(M, H, W)`` bool mask (``W`` below 32,768), ``(M,)`` int64."""
    # rows in int16 first: summing bools straight to int64 is twenty times slower on CPU
    return mask.sum(2, dtype=torch.int16).sum(1)


def mask_iou(found: Tensor, mask: Tensor) -> Tensor:
    """Return intersection over union of two sets of pixels, pair by pair.

    Args:
        found: ``(M, H, W)`` bool, the region.
        mask: ``(M, H, W)`` bool, the union of the boxes.

    Returns:
        ``(M,)`` in [0, 1]; NaN where both are empty.
    """
    return count_pixels(found & mask) / count_pixels(found | mask)
