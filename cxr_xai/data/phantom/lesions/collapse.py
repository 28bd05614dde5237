"""Atelectasis: lung without air, as plates or as a wedge."""

import numpy as np

from cxr_xai.data.phantom.canvas import Stroke, curve
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion


def draw_atelectasis(scene: Scene, lesion: Lesion) -> Change:
    """Plates (one to three dense bands across the lower lung) or, in the severe third, a collapsed wedge."""
    rng = np.random.default_rng(lesion.seed)
    return _wedge(scene, lesion, rng) if lesion.severity > 0.67 else _plates(scene, lesion, rng)


def _plates(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Change:
    lines: list[Stroke] = []
    for k in range(int(rng.integers(1, 4))):
        a, b = lesion.a + rng.normal(0, 0.05), float(np.clip(lesion.b - 0.075 * k, 0.2, 0.95))
        x, y = scene.shape.at(lesion.side, float(np.clip(a, 0.25, 0.8)), b)
        half = rng.uniform(0.14, 0.26)
        u, tilt = np.linspace(-1, 1, 5), rng.normal(0.0, 0.035)
        path = np.stack([x + half * u, y + tilt * u * lesion.side + 0.012 * np.cos(2 * u)], 1)
        lines.append((curve(path), rng.uniform(0.030, 0.052), 1.0))
    bands = scene.canvas.strokes(lines, 0.012) * scene.lungs[lesion.side]
    return Change(trim((0.32 + 0.40 * lesion.severity) * bands))


def _wedge(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Change:
    """A lobe folded towards the hilum and the diaphragm: a triangle with a sharp outer border."""
    s = lesion.side
    tip, inner = scene.shape.at(s, 0.03, 0.45), scene.shape.at(s, -0.1, 1.0)
    outer = scene.shape.at(s, float(rng.uniform(0.35, 0.65)), 1.0)
    belly = ((tip[0] + outer[0]) / 2 - s * 0.03, (tip[1] + outer[1]) / 2)
    lower = [(outer[0], outer[1] + 0.06), (inner[0], inner[1] + 0.06)]
    wedge = scene.canvas.fill([np.array([tip, belly, outer, *lower])], 0.018) * scene.lungs[s]
    return Change(trim((0.30 + 0.42 * lesion.severity) * wedge), 0.8 * wedge * (wedge > 0.1))
