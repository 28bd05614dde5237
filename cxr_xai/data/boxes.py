"""Radiologists' boxes: the published list, and the only place where box coordinates change their unit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.data.masks import Masks, PackedMasks
from cxr_xai.data.release.image_names import as_names, check_names, line_of
from cxr_xai.errors import UserError
from cxr_xai.findings import BOXED, canonical

REFERENCE_SIZE = 1024
"""The published list is in pixels of the 1024 × 1024 release, whatever size the files at hand have."""

CORNERS = ["x0", "y0", "x1", "y1"]


def read_box_list(path: Path) -> pd.DataFrame:
    """Read a list in the layout of ``BBox_List_2017.csv``.

    Its header, ``Image Index,Finding Label,Bbox [x,y,w,h],,,``, names three of six columns with commas inside the
    brackets, so columns are taken by position. ``Infiltrate`` becomes ``Infiltration``.

    Returns:
        ``image_id, finding, x0, y0, x1, y1`` with corners as fractions of the film in [0, 1].

    Raises:
        UserError: the list is malformed, names an unknown finding or what is not a plain image name, or has a box
            outside the film or without area.
    """
    try:
        raw = pd.read_csv(path, skiprows=1, header=None, usecols=range(6), dtype={0: str, 1: str})
        raw.columns = pd.Index(["image_id", "finding", "x", "y", "w", "h"])
        numbers = raw[["x", "y", "w", "h"]].astype(float) / REFERENCE_SIZE
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"{path} is not a box list: expected rows 'image,finding,x,y,w,h' under one header line ({error})."
        ) from error
    check_names(as_names(raw["image_id"]), path, header=1)
    boxes = pd.DataFrame({"image_id": raw["image_id"], "finding": raw["finding"].fillna("").map(canonical)})
    boxes["x0"], boxes["y0"] = numbers["x"], numbers["y"]
    boxes["x1"], boxes["y1"] = numbers["x"] + numbers["w"], numbers["y"] + numbers["h"]
    if unknown := sorted(set(boxes["finding"]) - set(BOXED)):
        raise UserError(f"{path} names findings without boxes in the release: {', '.join(unknown)}; mend the list.")
    # The published list has boxes that touch the border to within rounding; more than a pixel is a wrong list.
    slack = 1 / REFERENCE_SIZE
    wrong = (numbers[["w", "h"]] <= 0).any(axis=1) | (numbers.isna()).any(axis=1)
    wrong |= (boxes[CORNERS] < -slack).any(axis=1) | (boxes[CORNERS] > 1 + slack).any(axis=1)
    boxes[CORNERS] = boxes[CORNERS].clip(0, 1)
    wrong |= (boxes["x0"] >= boxes["x1"]) | (boxes["y0"] >= boxes["y1"])
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise UserError(
            f"{path} line {line_of(path, row + 1)}: the box of {boxes['image_id'][row]} is empty or leaves the "
            f"{REFERENCE_SIZE} x {REFERENCE_SIZE} film; mend or remove the line."
        )
    return boxes


def boxes_in_pixels(boxes: pd.DataFrame, size: int) -> Tensor:
    """Return ``(B, 4)`` float32 xyxy in pixels of a ``size × size`` image.

    >>> table = pd.DataFrame({"x0": [0.25], "y0": [0.5], "x1": [0.75], "y1": [1.0]})
    >>> boxes_in_pixels(table, 128).tolist()
    [[32.0, 64.0, 96.0, 128.0]]
    """
    return torch.from_numpy(boxes[CORNERS].to_numpy("float32").copy()) * size


@dataclass(frozen=True)
class BoxedPairs:
    """The (image, finding) pairs that have boxes, in the order in which the list first names them.

    Attributes:
        table: ``image_id, patient_id, finding, boxes`` (their number).
        boxes: xyxy pixels, one ``(B, 4)`` tensor per pair.
        masks: the marked pixels of each pair, where the source marks pixels.
    """

    table: pd.DataFrame
    boxes: list[Tensor]
    masks: PackedMasks | None = None


def pair_boxes(boxes: pd.DataFrame, size: int, masks: Masks | None = None) -> BoxedPairs:
    """Put the boxes of one finding in one image together.

    Args:
        boxes: ``image_id, patient_id, finding`` and corners, one row per box.
        size: side of the image in pixels.
        masks: that the boxes are drawn around, if they are.

    >>> row = {"image_id": "a.png", "patient_id": "1", "finding": "Mass", "x0": 0.0, "y0": 0.0, "x1": 0.5, "y1": 1.0}
    >>> pairs = pair_boxes(pd.DataFrame([row, row | {"finding": "Nodule"}, row | {"x1": 1.0}]), 2)
    >>> pairs.table["boxes"].tolist(), pairs.boxes[0].tolist()
    ([2, 1], [[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
    """
    groups = boxes.groupby(["image_id", "finding"], sort=False)
    number = groups.ngroup().to_numpy()
    order = number.argsort(kind="stable")
    first = boxes[~boxes.duplicated(["image_id", "finding"])]
    table = first[["image_id", "patient_id", "finding"]].reset_index(drop=True)
    table["boxes"] = np.bincount(number, minlength=len(table))
    split = torch.split(boxes_in_pixels(boxes.iloc[order], size), table["boxes"].tolist())
    keys = list(zip(table["image_id"], table["finding"], strict=True))
    return BoxedPairs(table, list(split), None if masks is None else masks.at(keys, size))
