"""The lungs' outlines: chest wall, mediastinal border and diaphragm, healthy or hyperinflated."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from cxr_xai.data.phantom.canvas import Canvas, Field, Points
from cxr_xai.data.phantom.spec import Body, Film

AIR = 0.62
"""Optical thickness that a healthy lung takes away where it is deepest."""
_STEPS = np.linspace(0, 1, 26)
_LEVELS = np.array([0.00, 0.02, 0.06, 0.12, 0.20, 0.32, 0.46, 0.62, 0.80, 1.00, 1.30])
_WALL = np.array([0.40, 0.50, 0.60, 0.70, 0.785, 0.865, 0.92, 0.955, 0.98, 0.99, 0.99])
_MEDIAL = np.array([0.28, 0.20, 0.16, 0.145, 0.14, 0.15, 0.19, 0.20, 0.18, 0.15, 0.15])


@dataclass(frozen=True)
class LungShape:
    """Where the lungs end. `floor` is the level of the angles, `dome` how high the diaphragm stands above it."""

    width: float
    floor: float
    dome: float
    turn: float

    def wall(self, y: Points | Field) -> Points:
        """Distance of the chest wall from the midline at level `y`."""
        return np.asarray(np.interp(y, _LEVELS, _WALL * self.width))

    def medial(self, y: Points | Field, side: int) -> Points:
        """Distance of the mediastinal border from the midline; a turned patient shows more lung on one side."""
        return np.asarray(np.interp(y, _LEVELS, _MEDIAL) - 0.05 * self.turn * side)

    def diaphragm(self, x: Points | Field, side: int) -> Points:
        """Level of the diaphragm at distance ``|x|`` from the midline; the liver holds the right one higher."""
        u = np.abs(x) / self.width
        lateral, medial = ((u - 0.45) / 0.54) ** 2, ((u - 0.45) / 0.75) ** 2
        return self.floor + (0.025 if side > 0 else 0.0) - self.dome * (1 - np.where(u > 0.45, lateral, medial))

    def at(self, side: int, a: float, b: float) -> tuple[float, float]:
        """Body coordinates of a place in a lung: `a` from mediastinum to wall, `b` from apex to diaphragm, both 0-1."""
        ((x, y),) = self.places(side, np.array([a]), np.array([b]))
        return float(x), float(y)

    def places(self, side: int, a: Points, b: Points) -> Points:
        """Body coordinates ``(N, 2)`` of many places in a lung."""
        y = b * self.floor
        for _ in range(3):  # the diaphragm's level depends on x, which depends on y
            inner = self.medial(y, side)
            x = inner + a * (self.wall(y) - inner)
            y = b * self.diaphragm(x, side)
        return np.stack([side * x, y], 1)

    def outline(self, side: int) -> Points:
        """Closed outline of one lung."""
        wall = float(self.wall(np.array(self.floor)))
        inner, outer = (self.floor - 0.05) * _STEPS[::-1], (self.floor + 0.02) * _STEPS
        across = wall + (0.15 - wall) * _STEPS
        parts = [(self.medial(inner, side), inner), (self.wall(outer), outer), (across, self.diaphragm(across, side))]
        points = np.vstack([np.stack(part, 1) for part in parts])
        points[:, 1] = np.minimum(points[:, 1], self.diaphragm(points[:, 0], side))
        return points * (side, 1)


def shape_lungs(body: Body, film: Film, hyperinflated: float = 0.0) -> LungShape:
    """Shape the lungs of a film. Trapped air (`hyperinflated` 0-1) pushes the diaphragm down and flattens its domes."""
    obese = 0.05 * (body.habitus - 0.4)
    return LungShape(
        width=1.0 + 0.03 * hyperinflated,
        floor=0.98 + film.inspiration - obese + 0.09 * hyperinflated,
        dome=0.165 * body.dome * (1 - 0.85 * hyperinflated),
        turn=film.turn,
    )


class Lungs:
    """The lungs as fields on a canvas, each side apart, zero outside the chest."""

    def __init__(self, canvas: Canvas, shape: LungShape) -> None:
        self.canvas, self.shape = canvas, shape
        self._sides = {side: canvas.fill([shape.outline(side)], 0.014) for side in (-1, 1)}

    def __getitem__(self, side: int) -> Field:
        """Field of one lung: 1 inside, 0 outside."""
        return self._sides[side]

    @cached_property
    def both(self) -> Field:
        """Field of the two lungs."""
        return np.maximum(self._sides[-1], self._sides[1])

    @cached_property
    def depth(self) -> Field:
        """How much air a ray meets: less near the lungs' borders, where the chest curves away."""
        curved = self.canvas.soften(self.both, 0.12) * np.float32(0.45)
        curved += np.float32(0.55)
        return self.both * curved

    @cached_property
    def from_wall(self) -> Field:
        """Distance to the chest wall in units of ``x``, about 0 outside; over the apex the distance below it."""
        x, y = self.canvas.xy
        inward = np.maximum(self._walls() - np.abs(x), np.float32(1e-3))
        downward = np.maximum(y * np.float32(self.canvas.tallness), np.float32(1e-3))
        # The smaller of the two, rounded where they meet.
        return np.asarray(inward * downward / cv2.magnitude(inward, downward), np.float32)

    def _walls(self) -> Field:
        """The wall at every pixel's level, read off a fine table: interpolating each pixel costs ten times as much."""
        levels = np.linspace(_LEVELS[0], _LEVELS[-1], 1024)
        step = np.float32(1023 / (_LEVELS[-1] - _LEVELS[0]))
        index = np.clip((self.canvas.xy[1] - np.float32(_LEVELS[0])) * step, 0, 1023).astype(np.int16)
        return np.asarray(self.shape.wall(levels).astype(np.float32)[index], np.float32)
