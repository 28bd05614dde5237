"""Fibrosis: a net of fine scars at the bases or the apices."""

import numpy as np

from cxr_xai.data.phantom.canvas import Points, Stroke
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion

_TURN = np.linspace(0, 2 * np.pi, 9)[:, None]
_RING = np.hstack([np.cos(_TURN), 0.55 * np.sin(_TURN)])
_LENGTH = np.linspace(-1, 1, 4)[:, None]


def draw_fibrosis(scene: Scene, lesion: Lesion) -> Change:
    """Reticular lines and small honeycombs, densest next to the wall, usually on both sides."""
    rng = np.random.default_rng(lesion.seed)
    lines: list[Stroke] = []
    count = 26 + int(26 * lesion.severity)
    for side in (lesion.side, -lesion.side) if lesion.both else (lesion.side,):
        a, b = 1 - rng.beta(1.2, 2.0, count) * 0.8, np.clip(rng.normal(lesion.b, 0.09, count), 0.05, 0.97)
        lines += _mesh(rng, scene.shape.places(side, a, b)[:, None])
    net = scene.canvas.strokes(lines, 0.004)
    haze = scene.canvas.soften(net, 0.05)
    density = (0.17 + 0.25 * lesion.severity) * net + (0.08 + 0.22 * lesion.severity) * haze
    return Change(trim(density * scene.lungs.both))


def _mesh(rng: np.random.Generator, centers: Points) -> list[Stroke]:
    """The net at ``(N, 1, 2)`` places: bent strokes, and at a quarter of them closed cysts of 3-10 mm."""
    rings, bent = np.split(centers, [len(centers) // 4])
    circles = rings + _RING * rng.uniform(0.018, 0.04, (len(rings), 1, 1))
    angle = rng.uniform(0, np.pi, len(bent))
    along = np.stack([np.cos(angle), 0.55 * np.sin(angle)], 1) * rng.uniform(0.05, 0.12, (len(bent), 1))
    paths = bent + _LENGTH * along[:, None] + rng.normal(0, 0.008, (len(bent), 4, 2))
    return [(paths, 0.012, 0.8), (circles, 0.011, 0.8)]
