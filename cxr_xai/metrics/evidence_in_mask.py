"""How much of a map lies where the truth is, when the truth is a set of pixels and not a box."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics.localization import dead_maps, energy_in_box, energy_ratio, pointing_game
from cxr_xai.metrics.region import count_pixels, mask_iou, region
from cxr_xai.metrics.separable import find_profiles


def evidence_in_mask(attribution: Tensor, masks: Tensor, threshold: float = 0.5) -> dict[str, Tensor]:
    """Score raw maps against the pixels that they should point at.

    Args:
        attribution: ``(M, h, w)`` raw, signed, on the explainer's own grid; made ``ReLU(raw) / max`` and resized here.
        masks: ``(M, H, W)`` bool, no empty one.
        threshold: the region is ``H >= threshold``.

    Returns:
        each ``(M,)``: ``pointing``, ``energy`` (the share of the positive evidence inside), ``energy_ratio`` (that over
        ``share``), ``mask_iou``, NaN for a dead map; ``share``, the mask's part of the image, which is the energy of a
        map that spreads evenly; ``dead``, bool.

    Raises:
        UserError: a mask is empty.

    >>> found = evidence_in_mask(torch.tensor([[[3.0, 1.0], [-1.0, 0.0]]]), torch.tensor([[[True, False]] * 2]))
    >>> found["energy"].item(), found["share"].item(), found["energy_ratio"].item()
    (0.75, 0.5, 1.5)
    """
    pixels = count_pixels(masks)
    if bool((pixels == 0).any()):
        raise UserError(f"mask {int((pixels == 0).int().argmax())} of {len(masks)} is empty; leave out what has none.")
    heatmaps = resize_heatmaps(make_heatmap(attribution), (masks.shape[1], masks.shape[2]))
    dead = dead_maps(heatmaps)
    scores = {
        "pointing": pointing_game(heatmaps, masks),
        "energy": energy_in_box(heatmaps, masks),
        "energy_ratio": energy_ratio(heatmaps, masks),
        "mask_iou": mask_iou(region(heatmaps, threshold), masks),
    }
    scores = {name: score.where(~dead, torch.nan) for name, score in scores.items()}
    return {**scores, "share": pixels / (masks.shape[1] * masks.shape[2]), "dead": dead}


def energy_ceiling_in_mask(masks: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the largest energy that a non-negative map on a grid can have inside each mask, after resizing.

    Energy is a ratio of two sums that are linear in the cells, so one cell alone reaches its maximum; its map is the
    product of a profile down and one across (`metrics.separable`).

    Args:
        masks: ``(M, H, W)`` bool.
        grid: ``(h, w)`` of the maps.

    Returns:
        ``(M,)`` in [0, 1]; 1 where the grid is the image's own.

    >>> energy_ceiling_in_mask(torch.tensor([[[True, False], [False, False]]]), (1, 2)).item()
    0.5
    """
    size = (masks.shape[1], masks.shape[2])
    if grid == size:
        return masks.flatten(1).any(1).float()
    profiles = find_profiles(lambda maps: resize_heatmaps(maps, size), grid, size, masks.device)
    assert profiles is not None  # bilinear resizing treats rows and columns apart
    down, across = (axis / axis.sum(1, keepdim=True) for axis in profiles)
    best = [(down @ mask.double() @ across.T).amax() for mask in masks]  # one by one: a mask is 8 bytes a pixel
    return torch.stack(best).float() if best else torch.zeros(0, device=masks.device)


def usual_place(masks: Tensor, patients: Sequence[str], patient: str, min_patients: int = 20) -> Tensor:
    """Return where *other* patients have it: the prior that never looks at the image.

    Args:
        masks: ``(M, H, W)`` bool of one finding.
        patients: ``(M,)`` whose they are.
        patient: left out; may be one without the finding.
        min_patients: with fewer other patients the place is undefined.

    Returns:
        ``(H, W)`` float32 in [0, 1], the share of the other patients' masks that hold a pixel; NaN where undefined.

    >>> usual_place(torch.tensor([[[True]], [[False]], [[True]]]), ["a", "a", "b"], "b", min_patients=1).item()
    0.5
    """
    names = np.asarray(patients, dtype=str)
    others = names != patient
    if len(np.unique(names[others])) < max(min_patients, 1):
        return torch.full(tuple(masks.shape[1:]), torch.nan)
    return masks[torch.from_numpy(others)].sum(0, dtype=torch.float32) / int(others.sum())
