"""One film beside the maps of a few findings, in one row."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.experiments.export.network import Answer
from cxr_xai.findings import FINDINGS
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.visualization.sheet import Cell, SheetRow, draw_sheet

SIDE = 190
"""Pixels of each picture: five of them are as wide as the page."""


def draw_film(
    pixels: npt.NDArray[np.uint8], said: Answer, number: int, chosen: Sequence[int], name: str
) -> npt.NDArray[np.uint8]:
    """Draw a film, and a column for each finding chosen.

    Args:
        pixels: ``(S, S)`` of the film.
        said: of a batch.
        number: of the film in it.
        chosen: columns of findings.
        name: of the file, under the film.
    """
    columns, cells = [], []
    for k in chosen:
        heatmap = make_heatmap(torch.from_numpy(said.maps[number, k]))[None]
        dead = bool(heatmap.isnan().any())
        columns.append(FINDINGS[k].replace("_", " "))
        shown = None if dead else resize_heatmaps(heatmap, len(pixels))[0].numpy()
        decided = "above" if said.preds[number, k] else "below"
        cells.append(Cell(shown, None, f"p {said.probs[number, k]:.2f}, {decided} threshold"))
    row = SheetRow("", name.rpartition("/")[2], np.zeros((0, 4), np.float32), cells)
    return draw_sheet(pixels, [row], columns, SIDE)
