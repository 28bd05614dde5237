"""One study as a person wants to see it: the film, and the film under its map, with boxes."""

from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

SIDE = 256
TRUE_COLOR = (94, 201, 98)
PREDICTED_COLOR = (255, 196, 61)
CAPTION_HEIGHT = 22
TURBO = (np.asarray(matplotlib.colormaps["turbo"](np.arange(256)))[:, :3] * 255).astype(np.uint8)


def overlay_heatmap(film: Picture, heatmap: Array, opacity: float = 0.45) -> Picture:
    """Blend a ``(H, W)`` map in [0, 1] over a ``(H, W)`` film; where the map is 0 the film stays untouched.

    Returns:
        ``(H, W, 3)`` RGB.
    """
    color = TURBO[(heatmap * 255).astype(np.uint8)].astype(np.float32)
    # Opacity grows with the evidence up to half of the maximum, so that faint regions do not tint the whole film.
    strength = (opacity * np.clip(heatmap * 2, 0, 1))[..., None]
    return (film[..., None] * (1 - strength) + color * strength).astype(np.uint8)


def soften(heatmap: Array, share: float = 0.015) -> Array:
    """Blur a ``(H, W)`` map in [0, 1] for the eye, to a maximum of 1 again: single pixels are hardly seen in print.

    Args:
        heatmap: finite.
        share: standard deviation of the blur, of the map's side.

    >>> soften(np.pad(np.ones((1, 1), np.float32), 20)).max()
    np.float32(1.0)
    """
    blurred = cv2.GaussianBlur(heatmap, (0, 0), share * heatmap.shape[0])
    return np.asarray(blurred / blurred.max(), np.float32)


def draw_box(picture: Picture, box: Array, color: tuple[int, int, int], dashed: bool = False) -> None:
    """Draw a box in place; ``box`` is xyxy in pixels of the picture, NaN draws nothing."""
    if not np.isfinite(box).all():
        return
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    x1, y1 = x1 - 1, y1 - 1
    if not dashed:
        cv2.rectangle(picture, (x0, y0), (x1, y1), color, 1)
        return
    for start in range(x0, x1, 8):
        for y in (y0, y1):
            cv2.line(picture, (start, y), (min(start + 4, x1), y), color, 1)
    for start in range(y0, y1, 8):
        for x in (x0, x1):
            cv2.line(picture, (x, start), (x, min(start + 4, y1)), color, 1)


def draw_panel(
    film: Picture,
    heatmap: Array | None,
    boxes: Array,
    region: Array | None,
    caption: str,
    side: int = SIDE,
) -> Picture:
    """Draw film and overlay side by side above a caption.

    Args:
        film: ``(H, W)`` gray.
        heatmap: ``(H, W)`` in [0, 1]; None (a dead map) leaves the film bare and says so.
        boxes: ``(B, 4)`` radiologists' boxes, xyxy in pixels of the film (solid green).
        region: ``(4,)`` box of the map's region (dashed yellow), or None.
        caption: one line.
        side: pixels of each half.

    Returns:
        ``(side + CAPTION_HEIGHT, 2 side + 2, 3)`` RGB.
    """
    scale = side / film.shape[0]
    large = np.asarray(cv2.resize(film, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    left = np.repeat(large[..., None], 3, axis=2)
    if heatmap is None:
        right = left.copy()
        _write(right, "dead map: no positive evidence", (8, side - 10), (255, 120, 120))
    else:
        smooth = np.asarray(cv2.resize(heatmap, (side, side), interpolation=cv2.INTER_LINEAR), np.float32).clip(0, 1)
        right = overlay_heatmap(large, smooth)
    for half in (left, right):
        for box in boxes:
            draw_box(half, box * scale, TRUE_COLOR)
    if region is not None:
        draw_box(right, region * scale, PREDICTED_COLOR, dashed=True)
    picture = np.full((side + CAPTION_HEIGHT, 2 * side + 2, 3), 18, np.uint8)
    picture[:side, :side], picture[:side, side + 2 :] = left, right
    _write(picture, caption, (6, side + 15), (230, 230, 230))
    return picture


def tile_panels(panels: Sequence[Picture], columns: int = 2) -> Picture:
    """Arrange equal panels in a grid, row by row, on a dark ground."""
    height, width = panels[0].shape[:2]
    rows = -(-len(panels) // columns)
    sheet = np.full((rows * (height + 4) - 4, columns * (width + 4) - 4, 3), 0, np.uint8)
    for number, panel in enumerate(panels):
        y, x = number // columns * (height + 4), number % columns * (width + 4)
        sheet[y : y + height, x : x + width] = panel
    return sheet


def _write(picture: Picture, text: str, at: tuple[int, int], color: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
