"""The lung markings: hila, and vessels branching from them, thinner and fainter towards the wall."""

import numpy as np

from cxr_xai.data.phantom.canvas import Canvas, Field, Stroke
from cxr_xai.data.phantom.spec import Body

_HILA = {-1: (-0.235, 0.42), 1: (0.235, 0.39)}  # the left hilum stands a little higher
_HILUM_LINES = [  # upright ovals
    np.array([(x + 0.11 * np.cos(t), y + 0.08 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 24)])
    for x, y in _HILA.values()
]
_STEMS = 11  # a side
_STEPS = [np.linspace(0, 1, count) for count in (5, 3, 3, 3)]  # points along a branch, fewer where they are short
_FAN = np.tile(np.linspace(-75, 80, _STEMS), 2)  # degrees


def draw_markings(canvas: Canvas, body: Body) -> Field:
    """Draw vessels, hila and the grain of the lung as optical thickness, not yet clipped to the lungs."""
    rng = np.random.default_rng([body.seed, 2])
    markings = canvas.strokes(_grow(rng), 0.004)
    markings *= np.float32(0.26)
    markings += canvas.fill(_HILUM_LINES, 0.04) * np.float32(0.16)
    markings += canvas.clouds(rng, 22) * np.float32(0.020)
    markings += canvas.clouds(rng, 9) * np.float32(0.018)
    return markings


def _grow(rng: np.random.Generator) -> list[Stroke]:
    """Four generations of branches, each forking in two; the finest first, so that the stems are drawn over them."""
    side = np.repeat([-1.0, 1.0], _STEMS)[:, None]
    start = np.repeat(np.array(list(_HILA.values())), _STEMS, axis=0)
    angle = np.deg2rad(_FAN + rng.normal(0, 6, 2 * _STEMS))[:, None]
    lines: list[Stroke] = []
    for generation in range(4):
        u = _STEPS[generation]
        bend = rng.normal(0, 0.25, angle.shape)
        turn, along = angle + bend * u, rng.uniform(0.13, 0.23, angle.shape) * u
        path = start[:, None] + np.stack([side * np.cos(turn), 0.72 * np.sin(turn)], 2) * along[..., None]
        lines.append((path, 0.034 * 0.62**generation, 0.75 * 0.8**generation))
        start, side, angle = (np.repeat(v, 2, axis=0) for v in (path[:, -1], side, angle + bend))
        angle = angle + np.tile([-1.0, 1.0], len(angle) // 2)[:, None] * rng.uniform(0.18, 0.5, angle.shape)
    return lines[::-1]
