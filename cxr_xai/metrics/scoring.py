"""Stored or fresh maps against boxes, in one call: resized, scored, and put beside prior and ceiling."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics.ceiling import energy_ceiling, iou_ceiling
from cxr_xai.metrics.localization import best_iou, localization_scores
from cxr_xai.metrics.map_thresholds.cross_fitted import LEVELS, cross_fit
from cxr_xai.metrics.map_thresholds.otsu import otsu_threshold
from cxr_xai.metrics.map_thresholds.quantile import quantile_threshold
from cxr_xai.metrics.prior import ClassBoxPrior, pool_to_grid
from cxr_xai.metrics.region import Boxes, Rule, level_box, peaks_along
from cxr_xai.metrics.wang import wang_scores
from cxr_xai.types import MaskSlices

_PIXELS = 2**20  # held at once: 4 MiB as float32, what a core keeps close

Policy = Literal["quantile", "otsu", "levels", "wang"]
POLICIES: tuple[Policy, ...] = ("quantile", "otsu", "levels", "wang")
"""Ways from map to box beside the headline's fixed threshold; ``levels`` is what `cross_fit_levels` chooses from."""


def score_maps(
    attribution: Tensor,
    boxes: Boxes,
    size: int | tuple[int, int],
    threshold: float = 0.5,
    rule: Rule = "all",
    policies: Sequence[Policy] = (),
    masks: MaskSlices | None = None,
) -> dict[str, Tensor]:
    """Score raw maps on any grid against their boxes.

    Args:
        attribution: ``(M, h, w)`` raw, signed, on the explainer's own grid; made ``ReLU(raw) / max`` and resized here;
            ``(1, h, w)`` is one map for all pairs.
        boxes: the boxes of each of ``M`` pairs, xyxy in pixels of the image, at least one each.
        size: ``(H, W)`` of the image, or its side.
        threshold: of the region, relative to the map's maximum.
        rule: the region's box is drawn around ``all`` of it or its ``largest`` component.
        policies: further ways from map to box, each with the columns named below.
        masks: of the pairs, in the size of the image, where marked pixels are known (`localization_scores`).

    Returns:
        what `localization_scores` gives: ``pointing energy energy_ratio iou iobb mask_iou dead`` ``(M,)`` and
        ``region_box`` ``(M, 4)``. With ``quantile``: ``iou_quantile``, and with ``otsu``: ``iou_otsu``, both under
        rule ``all``. With ``levels``: ``iou_levels`` ``(M, 9)`` at .1 … .9. With ``wang``: ``wang_iou wang_iobb`` and
        ``wang_false`` ``(M,)``, boxes with an IoU of at most .1. NaN where dead.

    Raises:
        UserError: a map has no box.
    """
    height, width = (size, size) if isinstance(size, int) else size
    step, parts = max(1, _PIXELS // (height * width)), []
    shared = len(attribution) == 1 < len(boxes)
    if shared and policies:
        attribution, shared = attribution.expand(len(boxes), -1, -1), False
    for start in range(0, max(len(boxes), 1), step):
        part = attribution if shared else attribution[start : start + step]
        heatmaps = resize_heatmaps(make_heatmap(part), (height, width))
        judged = boxes[start : start + step]
        mask = None if masks is None else masks[start : start + step]
        scores = localization_scores(heatmaps, judged, threshold, rule, mask)
        parts.append(scores | _score_policies(heatmaps, judged, scores["dead"], policies))
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def _score_policies(heatmaps: Tensor, boxes: Boxes, dead: Tensor, policies: Sequence[Policy]) -> dict[str, Tensor]:
    scores: dict[str, Tensor] = {}
    if not policies:
        return scores
    rows, columns = peaks_along(heatmaps)

    def iou(threshold: float | Tensor) -> Tensor:
        return best_iou(level_box(rows, columns, threshold), boxes).where(~dead, torch.nan)

    if "quantile" in policies:
        scores["iou_quantile"] = iou(quantile_threshold(heatmaps))
    if "otsu" in policies:
        scores["iou_otsu"] = iou(otsu_threshold(heatmaps))
    if "levels" in policies:
        scores["iou_levels"] = torch.stack([iou(level) for level in LEVELS], dim=1)
    if "wang" in policies:
        wang = wang_scores(heatmaps, boxes, dead)
        scores |= {"wang_iou": wang["iou"], "wang_iobb": wang["iobb"], "wang_false": wang["false_positives"][:, 0]}
    return scores


def cross_fit_levels(scores: dict[str, Tensor], findings: Sequence[str], patients: Sequence[str]) -> None:
    """Put ``iou_cross_fitted`` in the place of every ``iou_levels``, the prior's too.

    It is each map's IoU at the threshold that was best on other patients' boxes of its finding: boxes tuned it, though
    never those of the judged patient.

    Args:
        scores: of `score_maps` or `reference_scores`; without ``levels`` nothing is done.
        findings: of each of ``M`` maps.
        patients: of each map.
    """
    for key in [key for key in scores if key.endswith("iou_levels")]:
        levels = scores.pop(key)
        best = cross_fit(levels, findings, patients)[:, None]
        scores[key.replace("levels", "cross_fitted")] = levels.gather(1, best)[:, 0]


def reference_scores(
    boxes: Boxes,
    keys: Sequence[tuple[str, str]],
    prior: ClassBoxPrior,
    grid: tuple[int, int],
    size: int | tuple[int, int],
    threshold: float = 0.5,
    rule: Rule = "all",
    policies: Sequence[Policy] = (),
    masks: MaskSlices | None = None,
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
        policies: further ways from map to box for the prior, as in `score_maps`.
        masks: of the pairs, likewise; the ceiling of the energy is then that of the marked pixels.

    Returns:
        ``prior_pointing prior_energy prior_iou prior_iobb`` and ``ceiling_energy ceiling_iou``, each ``(M,)``, and
        ``prior_`` with the names of the policies; the prior's are NaN where it is undefined (fewer than 20 other
        patients).
    """
    size = (size, size) if isinstance(size, int) else size
    step, parts = max(1, 16 * _PIXELS // max(grid[0] * grid[1], prior.resolution**2)), []
    for start in range(0, max(len(keys), 1), step):
        maps = pool_to_grid(prior.heatmaps(keys[start : start + step]), grid)
        mask = None if masks is None else masks[start : start + step]
        parts.append(score_maps(maps, boxes[start : start + step], size, threshold, rule, policies, mask))
    left_out = ("energy_ratio", "mask_iou", "dead", "region_box")
    scores = {f"prior_{key}": torch.cat([part[key] for part in parts]) for key in parts[0] if key not in left_out}
    resize = partial(resize_heatmaps, size=size)
    return {
        **scores,
        "ceiling_energy": energy_ceiling(boxes, size, grid, resize, masks),
        "ceiling_iou": iou_ceiling(boxes, size, grid, resize, threshold),
    }
