"""One box of what several readers drew around the same thing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.boxes import CORNERS

OVERLAP = 0.5
"""IoU from which two boxes are of the same thing, the criterion of PASCAL VOC (Everingham et al. 2010)."""


def merge_boxes(boxes: pd.DataFrame, readers: Sequence[str]) -> pd.DataFrame:
    """Put the mean of their corners in the place of boxes that overlap.

    Boxes of one finding on one image that two readers drew with an IoU of at least .5 are of the same thing, and so are
    those that a third one joins; what overlaps nobody else's stays as it is, a reader's own two boxes among it.

    Args:
        boxes: ``BOX_COLUMNS``, in fractions of the film.
        readers: who drew each.

    Returns:
        The same columns, in the order in which things are first named.

    >>> row = {"image_id": "a", "patient_id": "1", "finding": "Mass", "x0": 0.0, "y0": 0.0, "x1": 0.5, "y1": 1.0}
    >>> boxes = pd.DataFrame([row, row | {"x1": 0.75}, row | {"x0": 0.9, "x1": 1.0}])
    >>> merge_boxes(boxes, ["A", "B", "A"])["x1"].tolist()
    [0.625, 1.0]
    """
    groups = boxes.groupby(["image_id", "finding"], sort=False).indices.values()
    thing = np.zeros(len(boxes), np.int64)
    corners, drew, total = boxes[CORNERS].to_numpy(np.float64), np.asarray(readers, object), 0
    for rows in groups:
        others = drew[rows][:, None] != drew[rows]
        found = _join((overlaps(corners[rows]) >= OVERLAP) & others)
        thing[rows], total = total + found, total + int(found.max()) + 1
    means = boxes.groupby(thing, sort=True)[CORNERS].mean()
    first = ~pd.Series(thing).duplicated().to_numpy()
    merged = boxes[first].reset_index(drop=True)
    merged[CORNERS] = means.loc[thing[first]].to_numpy()
    return merged


def overlaps(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ``(B, B)`` IoU of ``(B, 4)`` xyxy boxes with one another."""
    low, high = np.maximum(corners[:, None, :2], corners[:, :2]), np.minimum(corners[:, None, 2:], corners[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    union = area[:, None] + area - shared
    ratio: npt.NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def _join(linked: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Number the connected parts of a graph, in the order of their first members."""
    number = np.full(len(linked), -1)
    for start in range(len(linked)):
        if number[start] < 0:
            reached = np.arange(len(linked)) == start
            while (wider := linked[reached].any(axis=0) | reached).sum() > reached.sum():
                reached = wider
            number[reached] = number.max() + 1
    return number
