"""Do heatmaps point at the radiologists' boxes? Scores of one map against the boxes of its (image, finding) pair.

Heatmaps are ``ReLU(raw) / max``, resized to the image, so ``H`` lies in [0, 1]. A *dead* map (not finite, nothing
above zero, or the same everywhere) has no opinion: its scores are NaN and ``dead`` is true.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from cxr_xai.metrics.region import (
    Boxes,
    Rule,
    box_iobb,
    box_iou,
    count_pixels,
    level_box,
    mask_iou,
    pack_boxes,
    peaks_along,
    rasterize_boxes,
    region,
    region_box,
)

__all__ = [
    "BOUNDED",
    "Boxes",
    "Rule",
    "aggregate",
    "best_iou",
    "box_iobb",
    "box_iou",
    "dead_maps",
    "energy_in_box",
    "energy_ratio",
    "localization_scores",
    "mask_iou",
    "pointing_game",
    "rasterize_boxes",
    "region",
    "region_box",
]

BOUNDED = ("pointing", "energy", "iou", "iobb", "mask_iou")
"""The scores that lie in [0, 1], where a dead map can count 0; ``energy_ratio`` has no such floor to agree on."""

_TIE = 1e-6  # relative: below it, two values of a float32 map are the same


def dead_maps(heatmaps: Tensor) -> Tensor:
    """Say which maps have no opinion: not finite somewhere, nothing above zero, or constant (within 1e-6, relative).

    Args:
        heatmaps: ``(M, H, W)``.

    Returns:
        ``(M,)`` bool.

    >>> dead_maps(torch.tensor([[[0.0, 0.0]], [[1.0, 1.0]], [[torch.nan, 1.0]], [[0.0, 1.0]]])).tolist()
    [True, True, True, False]
    """
    low, high = heatmaps.amin((1, 2)), heatmaps.amax((1, 2))  # both carry NaN along
    return ~((high - low > _TIE * high) & (high > 0) & low.isfinite() & high.isfinite())


def pointing_game(heatmaps: Tensor, mask: Tensor) -> Tensor:
    """Return the share of the map's peak that lies inside the boxes.

    Pixels within 1e-6 (relative) of the maximum tie; without ties the answer is 0 or 1.

    Args:
        heatmaps: ``(M, H, W)`` in [0, 1].
        mask: ``(M, H, W)`` bool, the union of the boxes.

    Returns:
        ``(M,)`` in [0, 1]; meaningless for a dead map (`localization_scores` sets NaN there).

    Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016.

    >>> H = torch.tensor([[[0.2, 1.0], [1.0, 0.0]]])
    >>> pointing_game(H, torch.tensor([[[True, True], [False, False]]])).tolist()
    [0.5]
    """
    peak = heatmaps >= heatmaps.amax((1, 2), keepdim=True) * (1 - _TIE)
    return count_pixels(peak & mask) / count_pixels(peak)


def energy_in_box(heatmaps: Tensor, mask: Tensor) -> Tensor:
    """Return ``sum(H·G) / sum(H)``, the share of the map's mass inside the boxes.

    Args:
        heatmaps: ``(M, H, W)``, non-negative.
        mask: ``(M, H, W)`` bool, the union of the boxes.

    Returns:
        ``(M,)`` in [0, 1]; NaN where the map sums to zero.

    Source: Wang et al., Score-CAM, CVPR Workshops 2020.

    >>> energy_in_box(torch.tensor([[[3.0, 1.0]]]), torch.tensor([[[False, True]]])).tolist()
    [0.25]
    """
    return heatmaps.where(mask, 0).sum((1, 2)) / heatmaps.sum((1, 2))


def energy_ratio(heatmaps: Tensor, mask: Tensor) -> Tensor:
    """Return the energy in the boxes over their share of the image: 1 for a map that spreads evenly.

    Average it as a ratio; take log2 of the average last.

    Args:
        heatmaps: ``(M, H, W)``, non-negative.
        mask: ``(M, H, W)`` bool, the union of the boxes.

    Returns:
        ``(M,)`` in [0, 1 / share]; NaN where the map sums to zero or no pixel belongs to a box.

    >>> energy_ratio(torch.tensor([[[3.0, 1.0]]]), torch.tensor([[[False, True]]])).tolist()
    [0.5]
    """
    share = count_pixels(mask) / (mask.shape[1] * mask.shape[2])
    return energy_in_box(heatmaps, mask) / share


def _best_box(scores: Tensor, owner: Tensor, maps: int) -> Tensor:
    empty = torch.full((maps,), torch.nan, device=scores.device)
    return empty.scatter_reduce(0, owner, scores, "amax", include_self=False)


def best_iou(detected: Tensor, boxes: Boxes) -> Tensor:
    """Return the IoU of each map's detected box with the best of the boxes that it is judged against.

    Args:
        detected: ``(M, 4)`` xyxy; NaN where nothing was detected.
        boxes: of each map.

    Returns:
        ``(M,)`` in [0, 1], 0 where nothing was detected.
    """
    flat, owner = pack_boxes(boxes, detected.device)
    return _best_box(box_iou(detected[owner], flat), owner, len(detected)).where(~detected.isnan().any(1), 0)


def localization_scores(
    heatmaps: Tensor, boxes: Boxes, threshold: float = 0.5, rule: Rule = "all", mask: Tensor | None = None
) -> dict[str, Tensor]:
    """Score each map against the boxes of its own (image, finding) pair.

    Several boxes: pointing, energy and mask IoU against their union, IoU and IoBB against the best one.

    Args:
        heatmaps: ``(M, H, W)`` float in [0, 1], already resized to the image; or ``(1, H, W)``, one map for all pairs.
        boxes: the boxes of each of ``M`` pairs, xyxy in pixels of the same image, at least one each.
        threshold: the region is ``H >= threshold``.
        rule: the box is drawn tight around ``all`` of the region or around its ``largest`` component.
        mask: ``(M, H, W)`` bool, the marked pixels where they are known: pointing, energy and mask IoU are then
            against them; None takes the union of the boxes.

    Returns:
        ``pointing``, ``energy``, ``energy_ratio``, ``iou``, ``iobb``, ``mask_iou``: ``(M,)`` float32, NaN for a dead
        map; ``dead``: ``(M,)`` bool; ``region_box``: ``(M, 4)`` xyxy. A live map that never reaches the threshold
        detects nothing: its IoU and mask IoU are 0, its IoBB and region box NaN.

    Raises:
        UserError: a map has no box.
    """
    heatmaps = heatmaps.float()
    size = (heatmaps.shape[1], heatmaps.shape[2])
    flat, owner = pack_boxes(boxes, heatmaps.device)
    mask = rasterize_boxes(boxes, size, heatmaps.device) if mask is None else mask.to(heatmaps.device)
    dead = dead_maps(heatmaps).expand(len(boxes))
    found = region(heatmaps, threshold, rule)
    box = level_box(*peaks_along(heatmaps), threshold) if rule == "all" else region_box(found)
    box = box.expand(len(boxes), 4)
    scores = {
        "pointing": pointing_game(heatmaps, mask),
        "energy": energy_in_box(heatmaps, mask),
        "energy_ratio": energy_ratio(heatmaps, mask),
        "iou": best_iou(box, boxes),
        "iobb": _best_box(box_iobb(box[owner], flat), owner, len(boxes)),
        "mask_iou": mask_iou(found, mask),
    }
    scores = {name: score.where(~dead, torch.nan) for name, score in scores.items()}
    return {**scores, "dead": dead, "region_box": box.where(~dead[:, None], torch.nan)}


def aggregate(
    scores: Mapping[str, Tensor], dead: Tensor, over: Literal["all", "live"] = "all"
) -> dict[str, tuple[float, int]]:
    """Average scores over maps.

    Args:
        scores: name to ``(M,)``, as `localization_scores` returns them (its ``dead`` and ``region_box`` are skipped).
        dead: ``(M,)`` bool.
        over: ``all`` counts an undefined value as 0 in the bounded scores (`BOUNDED`); ``live`` leaves dead maps out.
            The energy ratio is over live maps either way.

    Returns:
        name to (mean, number of maps it was taken over); the mean of none is NaN. Values that are undefined for a live
        map (the IoBB of a map that detects nothing) count 0 under ``all`` and are left out under ``live``.

    >>> aggregate({"iou": torch.tensor([0.5, torch.nan])}, torch.tensor([False, True]), over="all")
    {'iou': (0.25, 2)}
    >>> aggregate({"iou": torch.tensor([0.5, torch.nan])}, torch.tensor([False, True]), over="live")
    {'iou': (0.5, 1)}
    """
    means = {}
    for name, score in scores.items():
        if name in ("dead", "region_box"):
            continue
        if over == "all" and name in BOUNDED:
            taken = score.where(~dead, 0).nan_to_num(nan=0.0)
        else:
            taken = score[~dead & ~score.isnan()]
        means[name] = (float(taken.double().mean()) if len(taken) else float("nan"), len(taken))
    return means
