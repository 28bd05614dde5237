"""Stored or fresh maps against boxes, in one call: resized, scored, and put beside prior and ceiling."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics.ceiling import energy_ceiling, iou_ceiling
from cxr_xai.metrics.localization import localization_scores
from cxr_xai.metrics.prior import ClassBoxPrior, pool_to_grid
from cxr_xai.metrics.region import Boxes, Rule

_PIXELS = 2**22  # held at once: 16 MiB as float32


def score_maps(
    attribution: Tensor, boxes: Boxes, size: int | tuple[int, int], threshold: float = 0.5, rule: Rule = "all"
) -> dict[str, Tensor]:
    """Score raw maps on any grid against their boxes.

    Args:
        attribution: ``(M, h, w)`` raw, signed, on the explainer's own grid; made ``ReLU(raw) / max`` and resized here.
        boxes: the boxes of each map, xyxy in pixels of the image, at least one each.
        size: ``(H, W)`` of the image, or its side.
        threshold: of the region, relative to the map's maximum.
        rule: the region's box is drawn around ``all`` of it or its ``largest`` component.

    Returns:
        what `localization_scores` gives: ``pointing energy energy_ratio iou iobb mask_iou dead`` ``(M,)`` and
        ``region_box`` ``(M, 4)``.

    Raises:
        UserError: a map has no box.
    """
    height, width = (size, size) if isinstance(size, int) else size
    step, parts = max(1, _PIXELS // (height * width)), []
    for start in range(0, max(len(attribution), 1), step):
        heatmaps = resize_heatmaps(make_heatmap(attribution[start : start + step]), (height, width))
        parts.append(localization_scores(heatmaps, boxes[start : start + step], threshold, rule))
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def reference_scores(
    boxes: Boxes,
    keys: Sequence[tuple[str, str]],
    prior: ClassBoxPrior,
    grid: tuple[int, int],
    size: int | tuple[int, int],
    threshold: float = 0.5,
    rule: Rule = "all",
) -> dict[str, Tensor]:
    """Score what every map on a grid is read beside: the class box prior, through the same code, and the ceiling.

    Args:
        boxes: the boxes of each of ``M`` pairs, xyxy in pixels of the image.
        keys: ``(finding, patient)`` of each pair; the prior leaves that patient out.
        prior: of all boxes of the source.
        grid: ``(h, w)`` of the maps.
        size: ``(H, W)`` of the image, or its side.
        threshold: of the region.
        rule: of the region's box, for the prior; the ceiling is that of rule ``all``.

    Returns:
        ``prior_pointing prior_energy prior_iou prior_iobb`` and ``ceiling_energy ceiling_iou``, each ``(M,)``; the
        prior's are NaN where it is undefined (fewer than 20 other patients).
    """
    size = (size, size) if isinstance(size, int) else size
    step, parts = max(1, _PIXELS // (grid[0] * grid[1])), []
    for start in range(0, len(keys), step):
        maps = torch.stack([prior.heatmap(finding, patient) for finding, patient in keys[start : start + step]])
        parts.append(score_maps(pool_to_grid(maps, grid), boxes[start : start + step], size, threshold, rule))
    names = ("pointing", "energy", "iou", "iobb")
    scores = {f"prior_{key}": torch.cat([part[key] for part in parts] or [torch.zeros(0)]) for key in names}
    resize = partial(resize_heatmaps, size=size)
    return {
        **scores,
        "ceiling_energy": energy_ceiling(boxes, size, grid, resize),
        "ceiling_iou": iou_ceiling(boxes, size, grid, resize, threshold),
    }
