"""One film under the maps of several explainers: a column for each, a row for each finding."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.visualization.panel import PREDICTED_COLOR, TRUE_COLOR, draw_box, overlay_heatmap

Array = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

SIDE, GAP, LINE = 208, 4, 19
GROUND, INK, SOFT, DEAD = 18, (235, 235, 235), (168, 168, 168), (255, 130, 130)


@dataclass(frozen=True)
class Cell:
    """One map.

    Attributes:
        heatmap: ``(H, W)`` in [0, 1], or None where dead.
        region: ``(4,)`` box of its region, xyxy in pixels of the film, or None.
        note: a few words under it.
    """

    heatmap: Array | None
    region: Array | None
    note: str


@dataclass(frozen=True)
class SheetRow:
    """One finding.

    Attributes:
        title: under the film, the finding.
        note: beside it in a paler ink, its probability.
        boxes: ``(B, 4)`` xyxy in pixels of the film.
        cells: one for each explainer.
    """

    title: str
    note: str
    boxes: Array
    cells: Sequence[Cell]


def draw_sheet(film: Picture, rows: Sequence[SheetRow], columns: Sequence[str], side: int = SIDE) -> Picture:
    """Draw film and maps as a table of pictures.

    Args:
        film: ``(H, W)`` gray.
        rows: findings from top to bottom.
        columns: names of the explainers.
        side: pixels of each picture.

    Returns:
        RGB, ``(LINE + rows (side + LINE), (1 + columns) (side + GAP) - GAP, 3)``.
    """
    large = np.asarray(cv2.resize(film, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    pitch, scale = side + GAP, side / film.shape[0]
    picture = np.full((LINE + len(rows) * (side + LINE), (1 + len(columns)) * pitch - GAP, 3), GROUND, np.uint8)
    for number, name in enumerate(["film", *columns]):
        write(picture, fit(name, side), (number * pitch + 3, LINE - 6), INK)
    for at, row in enumerate(rows):
        top = LINE + at * (side + LINE)
        for number, cell in enumerate([None, *row.cells]):
            tile = _draw_tile(large, cell, row.boxes, scale)
            picture[top : top + side, number * pitch : number * pitch + side] = tile
            note = row.note if cell is None else cell.note
            words = fit(note, side - (width_of(row.title) + 10 if cell is None else 0))
            left = number * pitch + 3
            if cell is None:
                write(picture, row.title, (left, top + side + LINE - 6), INK)
                left += width_of(row.title) + 8
            write(picture, words, (left, top + side + LINE - 6), SOFT)
    return picture


def _draw_tile(large: Picture, cell: Cell | None, boxes: Array, scale: float) -> Picture:
    side = large.shape[0]
    tile = np.repeat(large[..., None], 3, axis=2)
    if cell is not None and cell.heatmap is not None:
        smooth = np.asarray(cv2.resize(cell.heatmap, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
        tile = overlay_heatmap(large, smooth.clip(0, 1))
    for box in boxes:
        draw_box(tile, box * np.float32(scale), TRUE_COLOR)
    if cell is not None and cell.region is not None:
        draw_box(tile, cell.region * np.float32(scale), PREDICTED_COLOR, dashed=True)
    if cell is not None and cell.heatmap is None:
        write(tile, "dead map", (8, side - 10), DEAD)
    return tile


def width_of(text: str) -> int:
    """Return how many pixels a text takes."""
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0])


def fit(text: str, width: int) -> str:
    """Shorten a text to a width in pixels.

    >>> fit("integrated_gradients", 60)
    'integrated..'
    """
    if width_of(text) <= width:
        return text
    while text and width_of(text + "..") > width:
        text = text[:-1]
    return text + ".."


def write(picture: Picture, text: str, at: tuple[int, int], color: tuple[int, int, int]) -> None:
    """Write a line in place."""
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)
