"""Fibrosis: a net of fine scars at the bases or the apices."""

import numpy as np

from cxr_xai.data.phantom.canvas import Points, Stroke
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion


def draw_fibrosis(scene: Scene, lesion: Lesion) -> Change:
    """Reticular lines and small honeycombs, densest next to the wall, usually on both sides."""
    rng = np.random.default_rng(lesion.seed)
    lines: list[Stroke] = []
    for side in (lesion.side, -lesion.side) if lesion.both else (lesion.side,):
        for _ in range(26 + int(26 * lesion.severity)):
            a, b = 1 - rng.beta(1.2, 2.0) * 0.8, float(np.clip(rng.normal(lesion.b, 0.09), 0.05, 0.97))
            lines.append(_mesh(rng, np.array(scene.shape.at(side, a, b))))
    net = scene.canvas.strokes(lines, 0.004)
    haze = scene.canvas.soften(net, 0.05)
    density = (0.17 + 0.25 * lesion.severity) * net + (0.08 + 0.22 * lesion.severity) * haze
    return Change(trim(density * scene.lungs.both))


def _mesh(rng: np.random.Generator, center: Points) -> Stroke:
    """One line of the net: a bent stroke, or a closed cyst of 3-10 mm."""
    if rng.random() < 0.25:
        t = np.linspace(0, 2 * np.pi, 9)
        ring = np.stack([np.cos(t), 0.55 * np.sin(t)], 1) * rng.uniform(0.018, 0.04)
        return center + ring, 0.011, 0.8
    angle, length = rng.uniform(0, np.pi), rng.uniform(0.05, 0.12)
    u = np.linspace(-1, 1, 4)[:, None]
    path = center + u * length * np.array([np.cos(angle), 0.55 * np.sin(angle)]) + rng.normal(0, 0.008, (4, 2))
    return path, 0.012, 0.8
