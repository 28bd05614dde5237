"""The rule of Wang et al. 2017 from map to boxes; their published numbers stand beside this rule only."""

import torch
from torch import Tensor

from cxr_xai.metrics.found import T, above
from cxr_xai.metrics.region import Boxes, box_iobb, box_iou, pack_boxes

CUTS = (60 / 255, 180 / 255)


def component_boxes(heatmaps: Tensor, cuts: tuple[float, ...] = CUTS) -> list[Tensor]:
    """Return a box around every 4-connected component of each map at each cut.

    Args:
        heatmaps: ``(M, H, W)`` in [0, 1]; NaN belongs to no component.
        cuts: on the scale of ``H``.

    Returns:
        ``M`` tensors ``(D, 4)`` float32 xyxy; none for a map below all cuts.

    >>> component_boxes(torch.tensor([[[1.0, 0.0, 0.5]]]))[0].tolist()
    [[0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    from scipy.ndimage import find_objects, label  # a third of a second, for this rule alone

    found = []
    for heatmap in heatmaps.cpu().numpy():
        slices = [part for cut in cuts for part in find_objects(label(heatmap >= cut)[0])]
        edges = [(across.start, down.start, across.stop, down.stop) for down, across in slices]
        found.append(torch.tensor(edges, dtype=torch.float32).reshape(-1, 4))
    return found


def wang_scores(heatmaps: Tensor, boxes: Boxes, dead: Tensor) -> dict[str, Tensor]:
    """Score maps by the rule: the best of its boxes counts, and those that find nothing are counted.

    Args:
        heatmaps: ``(M, H, W)`` in [0, 1], already resized to the image.
        boxes: the boxes of each map, xyxy in pixels of the same image.
        dead: ``(M,)`` maps without an opinion.

    Returns:
        ``iou`` and ``iobb`` ``(M,)``, the best over all pairs of a detected and a radiologist's box;
        ``false_positives`` ``(M, 7)``, detected boxes whose IoU with every box is at most .1 … .7. NaN where dead.

    Source: Wang et al., ChestX-ray8, CVPR 2017.
    """
    maps = len(heatmaps)
    flat, owner = pack_boxes(boxes, torch.device("cpu"))
    found = component_boxes(heatmaps)
    source = torch.repeat_interleave(torch.arange(maps), torch.tensor([len(each) for each in found], dtype=torch.long))
    # every detected box beside every box of its map, all maps at once
    detected, truth = torch.nonzero(source[:, None] == owner, as_tuple=True)
    pairs = torch.cat([*found, torch.zeros(0, 4)])[detected], flat[truth]
    iou, iobb = box_iou(*pairs), box_iobb(*pairs)
    best = torch.zeros(len(source)).scatter_reduce(0, detected, iou, "amax")
    missed = 1 - torch.from_numpy(above(best.numpy())).float()
    alive, nan = ~dead.cpu(), torch.tensor(torch.nan)
    return {
        "iou": torch.zeros(maps).scatter_reduce(0, source[detected], iou, "amax").where(alive, nan),
        "iobb": torch.zeros(maps).scatter_reduce(0, source[detected], iobb, "amax").where(alive, nan),
        "false_positives": torch.zeros(maps, len(T)).index_add(0, source, missed).where(alive[:, None], nan),
    }
