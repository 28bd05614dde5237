"""Planted shortcuts and the laterality letter that every film has."""

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.phantom.canvas import Field, curve, moved
from cxr_xai.data.phantom.lesions.scene import Scene, trim
from cxr_xai.data.phantom.spec import Film, Lesion

Mask = npt.NDArray[np.bool_]
WHITE = 243.0
"""Gray level of lead letters."""


def draw_text(size: int, text: str, x: float, y: float, height: float) -> Field:
    """Letters as coverage 0-1; place and height in image sides, drawn at twice the size to stay legible."""
    top = max(int((y - 1.4 * height) * size), 0)
    rows = slice(top, min(int((y + 0.4 * height) * size) + 2, size))
    fine = cv2.putText(
        np.zeros(((rows.stop - top) * 2, size * 2), np.uint8),
        text,
        (round(x * size * 2), round(y * size * 2) - 2 * top),
        cv2.FONT_HERSHEY_SIMPLEX,
        height * size * 2 / 22,
        255,
        max(round(height * size / 7), 1),
        cv2.LINE_AA,
    )
    out = np.zeros((size, size), np.float32)
    out[rows] = cv2.resize(fine, (size, rows.stop - top), interpolation=cv2.INTER_AREA) / np.float32(255)
    return out


def draw_laterality(size: int, film: Film) -> Field:
    """The L on the patient's left, where the technician happened to put it; it says nothing about the findings."""
    rng = np.random.default_rng([film.seed, 1])
    return draw_text(
        size, "L", float(rng.uniform(0.86, 0.94)), float(rng.uniform(0.07, 0.16)), float(rng.uniform(0.03, 0.05))
    )


def draw_marker(size: int, film: Film) -> Field:
    """The word burnt into portable films, with its arrow, in the upper left corner."""
    rng = np.random.default_rng([film.seed, 2])
    x, y = float(rng.uniform(0.02, 0.06)), float(rng.uniform(0.09, 0.14))
    word = draw_text(size, "PORTABLE", x, y, 0.028)
    shape = np.array([[0.05, -0.032], [0.05, -0.075], [0.04, -0.062], [0.05, -0.075], [0.06, -0.062]])
    points = np.round(moved(shape, x, y) * size * 16).astype(np.int32)
    arrow = cv2.polylines(np.zeros((size, size), np.uint8), [points], False, 255, 1, cv2.LINE_AA, 4)
    return np.asarray(np.maximum(word, arrow.astype(np.float32) / np.float32(255)), np.float32)


def draw_drain(scene: Scene, film: Film, pneumothorax: Lesion | None) -> Field:
    """A chest drain as optical thickness: in through the side and up to the apex, in the ill lung if there is one."""
    rng = np.random.default_rng([film.seed, 3])
    side = pneumothorax.side if pneumothorax else int(rng.choice([-1, 1]))
    level = float(rng.uniform(0.45, 0.68))
    inside = [scene.shape.at(side, a, b) for a, b in ((0.93, 0.60), (0.80, 0.38), (0.66, 0.22), (0.50, 0.12))]
    path = curve([(side * 1.40, level + 0.16), (side * 1.14, level + 0.10), *inside])
    walls = [(moved(path, x), 0.012, 1.0) for x in (-0.021, 0.021)]
    return trim(np.float32(0.42) * scene.canvas.strokes([(path, 0.058, 0.55), *walls], 0.003))
