"""A film, or a film under a map, with outlines of what is true about it."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.visualization.panel import PREDICTED_COLOR, TRUE_COLOR, overlay_heatmap
from cxr_xai.visualization.sheet import GAP, GROUND, LINE, SOFT, fit, write

Picture = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

LESION_COLOR, SHORTCUT_COLOR = TRUE_COLOR, PREDICTED_COLOR


def draw_outlined(
    film: Picture, heatmap: Array | None, outlines: Sequence[tuple[Mask, tuple[int, int, int]]], side: int = 192
) -> Picture:
    """Draw a film with the borders of masks on it.

    Args:
        film: ``(H, W)`` gray.
        heatmap: ``(H, W)`` in [0, 1], laid over the film; None leaves the film bare.
        outlines: masks ``(H, W)`` and their colors, drawn in this order; an empty mask draws nothing.
        side: pixels of the picture.

    Returns:
        ``(side, side, 3)`` RGB.
    """
    large = np.asarray(cv2.resize(film, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    picture = np.repeat(large[..., None], 3, axis=2)
    if heatmap is not None:
        smooth = np.asarray(cv2.resize(heatmap, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
        picture = overlay_heatmap(large, smooth.clip(0, 1))
    for mask, color in outlines:
        shape = cv2.resize(mask.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
        borders, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, list(borders), -1, color, 1)
    return picture


def join_labeled(tiles: Sequence[tuple[str, Picture]]) -> Picture:
    """Put equal square pictures in a row, each above its words.

    Args:
        tiles: words, shortened to the width of a picture, and ``(side, side, 3)`` RGB.

    Returns:
        ``(side + LINE, n (side + GAP) - GAP, 3)`` RGB.
    """
    side = tiles[0][1].shape[0]
    row = np.full((side + LINE, len(tiles) * (side + GAP) - GAP, 3), GROUND, np.uint8)
    for number, (words, picture) in enumerate(tiles):
        left = number * (side + GAP)
        row[:side, left : left + side] = picture
        write(row, fit(words, side - 3), (left + 3, side + LINE - 6), SOFT)
    return row
