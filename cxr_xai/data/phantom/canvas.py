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

Radii = Callable[[Field, Field], npt.NDArray[np.floating] | float]
"""Relative radius of an outline in the direction ``(cos, sin)``, clockwise from the left of the body."""
Stroke = tuple[Points, float, float]
"""One line ``(M, 2)`` or a stack of lines ``(L, M, 2)``, its width in units and its strength 0-1."""

_SHIFT = 4  # cv2 takes points in 1/16 pixel
_RIBBON = 4.0  # lines wider than this many pixels are filled outlines: cv2 draws a thick line joint by joint


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
        self._to_fixed, self._fixed_origin = self._matrix.T * (1 << _SHIFT), self._origin * (1 << _SHIFT)

    @cached_property
    def xy(self) -> tuple[Field, Field]:
        """Body coordinates ``x`` and ``y`` of every pixel's center."""
        inverse = np.linalg.inv(self._matrix)
        column, row = np.arange(self.size) - self._origin[0], np.arange(self.size) - self._origin[1]
        across, down = (np.outer(inverse[:, k], v).astype(np.float32) for k, v in enumerate((column, row)))
        return across[0] + down[0][:, None], across[1] + down[1][:, None]

    @cached_property
    def level(self) -> Field:
        """Body coordinate ``y`` of each row near the midline, ``(size, 1)``: enough where a tilt is not seen."""
        column = int(np.clip(self.pixels(np.array([[0.0, 0.5]]))[0, 0], 0, self.size - 1))
        return self.xy[1][:, [column]]

    @property
    def tallness(self) -> float:
        """How many units of ``x`` make one unit of ``y``."""
        return self._tall / self.unit

    def pixels(self, points: Points) -> Points:
        """Map ``(M, 2)`` body coordinates to pixel coordinates ``(column, row)``."""
        return np.asarray(points @ self._matrix.T + self._origin, np.float64)

    def _fixed(self, points: Points) -> npt.NDArray[np.int32]:
        flat = points.reshape(-1, 2) @ self._to_fixed
        flat += self._fixed_origin
        return np.asarray(np.rint(flat).reshape(points.shape), np.int32)

    def fill(self, outlines: Sequence[Points], edge: float = 0.015) -> Field:
        """Fill closed outlines; 1 inside, 0 outside, and a soft edge of about `edge` units."""
        image = np.zeros((self.size, self.size), np.uint8)
        stacks = [self._fixed(outline) for outline in outlines]
        for stack in stacks:  # one call for all would leave holes where they overlap
            cv2.fillPoly(image, [stack], 255, cv2.LINE_AA, _SHIFT)
        return self._finish(image, stacks, 0.0, edge)

    def strokes(self, lines: Iterable[Stroke], edge: float = 0.0) -> Field:
        """Draw open lines; where lines cross, the later one counts.

        A line thinner than a pixel is drawn one pixel wide and as much fainter.
        """
        image = np.zeros((self.size, self.size), np.uint8)
        stacks, widest = [], 0.0
        for points, width, strength in lines:
            wide = width * self.unit
            color = round(255 * strength * min(wide, 1.0))
            stack = self._fixed(points if points.ndim == 3 else points[None])
            if wide > _RIBBON:
                for ribbon in _ribbons(stack, wide * (1 << _SHIFT)):
                    cv2.fillPoly(image, [ribbon], color, cv2.LINE_AA, _SHIFT)
            else:
                cv2.polylines(image, list(stack), False, color, max(round(wide), 1), cv2.LINE_AA, _SHIFT)
            stacks.append(stack.reshape(-1, 2))
            widest = max(widest, wide)
        return self._finish(image, stacks, widest, edge)

    def _finish(
        self, image: npt.NDArray[np.uint8], drawn: Sequence[npt.NDArray[np.int32]], wide: float, edge: float
    ) -> Field:
        """Gray levels to 0-1, softened only where something was drawn."""
        scale, sigma = np.float32(1 / 255), edge * self.unit
        if sigma < 0.5 or not drawn:
            return np.multiply(image, scale, dtype=np.float32)
        left, top, across, down = cv2.boundingRect(np.concatenate(drawn))
        far = (3 * sigma + wide + 3) * (1 << _SHIFT)
        part = self._span(top - far, top + down + far), self._span(left - far, left + across + far)
        out = np.zeros(image.shape, np.float32)
        if image[part].size:
            out[part] = _blur(np.multiply(image[part], scale, dtype=np.float32), sigma)
        return out

    def soften(self, field: Field, width: float) -> Field:
        """Blur with a Gaussian of sigma `width` units, coarsely where the blur is wide."""
        sigma = width * self.unit
        if sigma < 0.5:
            return field
        if sigma < 4.0:
            return _blur(field, sigma)
        coarse = 1 << int(np.log2(sigma / 2))  # a power of two, for which cv2 is fastest
        reduced = cv2.resize(field, (max(self.size // coarse, 8),) * 2, interpolation=cv2.INTER_AREA)
        small = np.asarray(reduced, np.float32)
        small = _blur(small, sigma * small.shape[0] / self.size, cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(small, (self.size, self.size), interpolation=cv2.INTER_LINEAR), np.float32)

    def blob(self, center: tuple[float, float], radius: float, radii: Radii, edge: float) -> Field:
        """Fill a star-shaped outline; the edge is `edge` units wide, half of it inside.

        In each direction it reaches ``radius * radii(cos, sin)`` units, at most one and a half radii.
        """
        out = np.zeros((self.size, self.size), np.float32)
        rows, columns = self._around(center, 1.6 * radius + edge)
        x, y = self.xy
        u = x[rows, columns] - np.float32(center[0])
        v = (y[rows, columns] - np.float32(center[1])) * np.float32(self.tallness)
        if u.size == 0:
            return out
        distance = np.maximum(cv2.magnitude(u, v), np.float32(1e-6))
        u /= distance
        v /= distance
        reach = np.float32(radius) * np.minimum(np.asarray(radii(u, v), np.float32), np.float32(1.5))
        reach -= distance
        reach *= np.float32(1 / max(edge, 0.5 / self.unit))
        reach += np.float32(0.5)
        out[rows, columns] = ramp(reach)
        return out

    def _around(self, center: tuple[float, float], reach: float) -> tuple[slice, slice]:
        """The part of the image within `reach` units of a place."""
        column, row = self._fixed(np.array(center)).tolist()
        far = (reach * self.unit + 3) * (1 << _SHIFT)
        return self._span(row - far, row + far), self._span(column - far, column + far)

    def _span(self, low: float, high: float) -> slice:
        """Whole pixels from `low` to `high` in fixed point, within the image."""
        first, last = (min(max(int(end) >> _SHIFT, 0), self.size) for end in (low, high))
        return slice(first, last)

    def columns(self, left: float, right: float) -> slice:
        """Image columns that contain every pixel with ``left < x < right``."""
        ends = self.xy[0][[0, -1]]  # rows in between lie in between
        inside = np.flatnonzero((ends.max(axis=0) > left) & (ends.min(axis=0) < right))
        return slice(int(inside[0]), int(inside[-1]) + 1)

    def clouds(self, rng: np.random.Generator, cells: float) -> Field:
        """Smooth noise of mean 0 and deviation about 1, `cells` grains across the chest's half."""
        count = max(int(cells * self.size / self.unit), 3)
        grid = rng.standard_normal((count, count), dtype=np.float32)
        return np.asarray(cv2.resize(grid, (self.size, self.size), interpolation=cv2.INTER_CUBIC), np.float32)


def _blur(field: npt.NDArray[np.float32], sigma: float, border: int = cv2.BORDER_DEFAULT) -> Field:
    """Gaussian of `sigma` pixels out to 2.5 sigma; cv2 would go to 4, at almost twice the time."""
    side = 2 * round(2.5 * sigma) + 1
    return np.asarray(cv2.GaussianBlur(field, (side, side), sigma, borderType=border), np.float32)


def _ribbons(lines: npt.NDArray[np.int32], width: float) -> npt.NDArray[np.int32]:
    """Outlines of a stack of lines ``(L, M, 2)``, `width` wide, in the lines' own unit."""
    along = np.empty(lines.shape)
    along[:, 1:-1] = lines[:, 2:] - lines[:, :-2]
    along[:, [0, -1]] = lines[:, [1, -1]] - lines[:, [0, -2]]
    length = np.maximum(np.hypot(along[..., :1], along[..., 1:]), 1.0)
    across = along[..., ::-1] * (np.array([-0.5, 0.5]) * width) / length
    return np.concatenate([lines + across, (lines - across)[:, ::-1]], axis=1).round().astype(np.int32)


def moved(points: Points, x: float, y: float = 0.0) -> Points:
    """Shift points.

    >>> moved(np.array([[0.0, 1.0]]), 0.5).tolist()
    [[0.5, 1.0]]
    """
    return np.asarray(points + np.array([x, y]), np.float64)


def ramp(field: Field) -> Field:
    """Smooth step: 0 below 0, 1 above 1, exactly."""
    t = np.asarray(np.clip(field, 0, 1), np.float32)
    out = np.float32(3) - np.float32(2) * t
    out *= t
    out *= t
    return out


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
