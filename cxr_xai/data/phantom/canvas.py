"""Drawing in body coordinates: outlines, strokes and blobs become soft float fields of the image's size.

Body coordinates ``(x, y)``: ``x = 0`` the midline and ``±1`` the inner chest wall at the base (``-1`` the patient's
right, left in the image); ``y = 0`` the apex of the lungs, ``1`` the costophrenic angles.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.phantom.spec import Body, Film

Field = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]

Radii = Callable[[Field], npt.NDArray[np.floating] | float]
Stroke = tuple[Points, float, float]
"""One line ``(M, 2)`` or a stack of lines ``(L, M, 2)``, its width in units and its strength 0-1."""

_SHIFT = 4  # cv2 takes points in 1/16 pixel


class Canvas:
    """An image grid placed on a body.

    Attributes:
        size: side of the image in pixels.
        unit: pixels per unit of ``x`` (half a chest, about 14 cm).
    """

    def __init__(self, size: int, body: Body, film: Film) -> None:
        self.size = size
        self.unit = 0.385 * size * body.scale * body.width
        self._tall = 0.70 * size * body.scale
        angle = np.deg2rad(film.tilt)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self._matrix = turn @ np.diag([self.unit, self._tall])
        apex = np.array([0.5 + film.shift[0], 0.47 + film.shift[1]]) * size
        self._origin = apex - self._matrix @ np.array([0.0, 0.5])

    @cached_property
    def xy(self) -> tuple[Field, Field]:
        """Body coordinates ``x`` and ``y`` of every pixel's center."""
        inverse = np.linalg.inv(self._matrix)
        column, row = np.arange(self.size) - self._origin[0], np.arange(self.size) - self._origin[1]
        x = inverse[0, 0] * column[None, :] + inverse[0, 1] * row[:, None]
        y = inverse[1, 0] * column[None, :] + inverse[1, 1] * row[:, None]
        return x.astype(np.float32), y.astype(np.float32)

    @property
    def tallness(self) -> float:
        """How many units of ``x`` make one unit of ``y``."""
        return self._tall / self.unit

    def pixels(self, points: Points) -> Points:
        """Map ``(M, 2)`` body coordinates to pixel coordinates ``(column, row)``."""
        return np.asarray(points @ self._matrix.T + self._origin, np.float64)

    def _fixed(self, points: Points) -> npt.NDArray[np.int32]:
        return np.round(self.pixels(points) * (1 << _SHIFT)).astype(np.int32)

    def fill(self, outlines: Sequence[Points], edge: float = 0.015) -> Field:
        """Fill closed outlines; 1 inside, 0 outside, and a soft edge of about `edge` units."""
        image = np.zeros((self.size, self.size), np.uint8)
        for outline in outlines:  # one call for all would leave holes where they overlap
            cv2.fillPoly(image, [self._fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
        return self.soften(image.astype(np.float32) / np.float32(255), edge)

    def strokes(self, lines: Iterable[Stroke], edge: float = 0.0) -> Field:
        """Draw open lines; where lines cross, the later one counts.

        A line thinner than a pixel is drawn one pixel wide and as much fainter.
        """
        image = np.zeros((self.size, self.size), np.uint8)
        for points, width, strength in lines:
            wide = width * self.unit
            color = round(255 * strength * min(wide, 1.0))
            stack = self._fixed(points if points.ndim == 3 else points[None])
            cv2.polylines(image, list(stack), False, color, max(round(wide), 1), cv2.LINE_AA, _SHIFT)
        return self.soften(image.astype(np.float32) / np.float32(255), edge)

    def soften(self, field: Field, width: float) -> Field:
        """Blur with a Gaussian of sigma `width` units, coarsely where the blur is wide."""
        sigma = width * self.unit
        if sigma < 0.5:
            return field
        if sigma < 4.0:
            return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)
        coarse = max(int(sigma / 2), 1)
        small = cv2.resize(field, (max(self.size // coarse, 8),) * 2, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma * small.shape[0] / self.size, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(small, (self.size, self.size), interpolation=cv2.INTER_LINEAR), np.float32)

    def blob(self, center: tuple[float, float], radius: float, radii: Radii, edge: float) -> Field:
        """Fill a star-shaped outline; the edge is `edge` units wide, half of it inside.

        At angle ``t`` (0 to 2π, clockwise from the left of the body) it reaches ``radius * radii(t)`` units, at most
        one and a half radii.
        """
        out = np.zeros((self.size, self.size), np.float32)
        rows, columns = self._around(center, 1.6 * radius + edge)
        x, y = self.xy
        u = x[rows, columns] - np.float32(center[0])
        v = (y[rows, columns] - np.float32(center[1])) * np.float32(self.tallness)
        if u.size == 0:
            return out
        distance, angle = (np.asarray(part, np.float32) for part in cv2.cartToPolar(u, v))
        reach = np.float32(radius) * np.minimum(np.asarray(radii(angle), np.float32), np.float32(1.5))
        out[rows, columns] = ramp((reach - distance) / np.float32(max(edge, 0.5 / self.unit)) + np.float32(0.5))
        return out

    def _around(self, center: tuple[float, float], reach: float) -> tuple[slice, slice]:
        """The part of the image within `reach` units of a place."""
        column, row = self.pixels(np.array(center))
        far = reach * self.unit + 2
        low, high = np.array([row, column]) - far, np.array([row, column]) + far
        first, last = np.clip(np.floor([low, high]), 0, self.size).astype(int)
        return slice(first[0], last[0]), slice(first[1], last[1])

    def columns(self, left: float, right: float) -> slice:
        """Image columns that contain every pixel with ``left < x < right``."""
        inside = np.flatnonzero(((self.xy[0] > left) & (self.xy[0] < right)).any(axis=0))
        return slice(int(inside[0]), int(inside[-1]) + 1)

    def clouds(self, rng: np.random.Generator, cells: float) -> Field:
        """Smooth noise of mean 0 and deviation about 1, `cells` grains across the chest's half."""
        count = max(int(cells * self.size / self.unit), 3)
        grid = rng.standard_normal((count, count), dtype=np.float32)
        return np.asarray(cv2.resize(grid, (self.size, self.size), interpolation=cv2.INTER_CUBIC), np.float32)


def moved(points: Points, x: float, y: float = 0.0) -> Points:
    """Shift points.

    >>> moved(np.array([[0.0, 1.0]]), 0.5).tolist()
    [[0.5, 1.0]]
    """
    return np.asarray(points + np.array([x, y]), np.float64)


def ramp(field: Field) -> Field:
    """Smooth step: 0 below 0, 1 above 1, exactly."""
    t = np.clip(field, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def curve(points: Iterable[tuple[float, float]], closed: bool = False, steps: int = 6) -> Points:
    """Catmull-Rom curve through the points.

    >>> curve([(0, 0), (1, 0), (2, 0)], steps=2).tolist()
    [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [1.5, 0.0], [2.0, 0.0]]
    """
    p = np.asarray(list(points), float)
    around = np.vstack([p[-1], p, p[0], p[1]]) if closed else np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    p0, p1, p2, p3 = (around[i : len(around) - 3 + i, None] for i in range(4))
    t = np.arange(steps)[None, :, None] / steps
    out = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    out = out.reshape(-1, 2)
    return out if closed else np.vstack([out, p[-1]])
