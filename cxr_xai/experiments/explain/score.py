"""What can be said of a map by itself, and beside boxes where there are some."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.data.boxes import boxes_in_pixels
from cxr_xai.findings import INDEX
from cxr_xai.heatmap import make_heatmap
from cxr_xai.metrics.focus import half_area
from cxr_xai.metrics.scoring import score_maps

BOX_SCORES = ("pointing", "energy", "iou")


def measure_map(attribution: npt.NDArray[np.float32]) -> dict[str, float | bool]:
    """Return ``dead``, ``peak_x, peak_y`` (center of the highest cell, shares of the film) and `half_area`.

    Args:
        attribution: ``(h, w)`` raw, signed.

    >>> measure_map(np.array([[0.0, 4.0], [0.0, 0.0]], np.float32))
    {'dead': False, 'peak_x': 0.75, 'peak_y': 0.25, 'half_area': 0.125}
    """
    heatmap = make_heatmap(torch.from_numpy(attribution)).numpy()
    if np.isnan(heatmap).any():
        return {"dead": True, "peak_x": np.nan, "peak_y": np.nan, "half_area": np.nan}
    height, width = heatmap.shape
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    return {
        "dead": False,
        "peak_x": float((column + 0.5) / width),
        "peak_y": float((row + 0.5) / height),
        "half_area": float(half_area(heatmap)),
    }


def score_map(attribution: npt.NDArray[np.float32], boxes: Tensor, size: int) -> dict[str, float]:
    """Return ``pointing, energy, iou`` of a map against its boxes; NaN without a box and for a dead map.

    Args:
        attribution: ``(h, w)`` raw, signed.
        boxes: ``(B, 4)`` xyxy in pixels.
        size: side of the film in pixels.
    """
    if not len(boxes):
        return dict.fromkeys(BOX_SCORES, np.nan)
    scores = score_maps(torch.from_numpy(attribution)[None], [boxes], size)
    return {key: float(scores[key][0]) for key in BOX_SCORES}


def boxed_findings(boxes: pd.DataFrame | None, image_id: str) -> list[int]:
    """Return the columns of the findings that have a box on a film."""
    return [] if boxes is None else sorted({INDEX[name] for name in boxes_on(boxes, image_id)["finding"]})


def boxes_of(boxes: pd.DataFrame | None, image_id: str, finding: str, size: int) -> Tensor:
    """Return ``(B, 4)`` boxes of a film and finding in pixels, none where no list was given."""
    if boxes is None:
        return torch.zeros(0, 4)
    mine = boxes_on(boxes, image_id)
    return boxes_in_pixels(mine[mine["finding"] == finding], size)


def boxes_on(boxes: pd.DataFrame, image_id: str) -> pd.DataFrame:
    """Return the rows of a film, which is matched by its file name, whatever folder it lies in."""
    return boxes[boxes["image_id"] == image_id.rpartition("/")[2]]
