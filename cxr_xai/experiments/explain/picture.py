"""One film, its findings and its maps as a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from cxr_xai.experiments.explain.films import Film
from cxr_xai.experiments.explain.score import boxes_of
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics.region import region, region_box
from cxr_xai.visualization.panel import soften
from cxr_xai.visualization.sheet import Cell, SheetRow, draw_sheet


def draw_film(
    film: Film,
    rows: Sequence[Mapping[str, Any]],
    maps: Mapping[str, npt.NDArray[np.float32]],
    boxes: pd.DataFrame | None,
    size: int,
) -> npt.NDArray[np.uint8]:
    """Draw the sheet of one film.

    Args:
        film: a fit one.
        rows: of the table of scores, finding by finding and within it explainer by explainer.
        maps: by explainer, ``(F, h, w)`` in the order of the findings.
        boxes: the box list, or None.
        size: side of the film in pixels.
    """
    assert film.pixels is not None
    labels, sheet = list(maps), []
    for place in range(len(rows) // len(labels)):
        mine = rows[place * len(labels) : (place + 1) * len(labels)]
        own = boxes_of(boxes, film.image_id, mine[0]["finding"], size).numpy()
        cells = [make_cell(maps[label][place], row, size) for label, row in zip(labels, mine, strict=True)]
        sheet.append(SheetRow(mine[0]["finding"].replace("_", " "), say_probability(mine[0]), own, cells))
    return draw_sheet(film.pixels, sheet, labels)


def make_cell(attribution: npt.NDArray[np.float32], row: Mapping[str, Any], size: int) -> Cell:
    """Resize a map to the film, draw its region's box where there are boxes, and note its scores."""
    heatmap = make_heatmap(torch.from_numpy(attribution))[None]
    if row["dead"]:
        return Cell(None, None, "no positive evidence")
    resized = resize_heatmaps(heatmap, size)
    shown = resized[0].numpy()
    if attribution.shape[-1] >= size:  # a cell per pixel: scored as it is, softened for the eye
        shown = soften(shown)
    if not row["boxes"]:
        return Cell(shown, None, f"half of it in {row['half_area']:.0%}")
    note = f"IoU {row['iou']:.2f}  pointing {row['pointing']:.2g}"
    return Cell(shown, region_box(region(resized))[0].numpy(), note)


def say_probability(row: Mapping[str, Any]) -> str:
    """Return probability and decision in a few words.

    >>> say_probability({"calibrated": 0.25, "pred": True})
    'p .25, predicted'
    """
    shown = f"{row['calibrated']:.2f}".removeprefix("0")
    return f"p {shown}, predicted" if row["pred"] else f"p {shown}"
