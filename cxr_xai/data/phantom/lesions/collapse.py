"""Atelectasis: lung without air, as plates or as a wedge."""

import numpy as np

from cxr_xai.data.phantom.canvas import curve, ramp
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion

_U = np.linspace(-1, 1, 9)  # along a plate


def draw_atelectasis(scene: Scene, lesion: Lesion) -> Change:
    """Plates (one to three thin bands across the lower lung) or, in the severe third, a collapsed wedge."""
    rng = np.random.default_rng(lesion.seed)
    return _wedge(scene, lesion, rng) if lesion.severity > 0.67 else _plates(scene, lesion, rng)


def _plates(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Change:
    outlines = []
    slant = rng.normal(0.0, 0.03)  # plates of one lung lie nearly parallel
    for k in range(int(rng.integers(1, 4))):
        a, b = lesion.a + rng.normal(0, 0.05), float(np.clip(lesion.b - 0.075 * k, 0.2, 0.95))
        x, y = scene.shape.at(lesion.side, float(np.clip(a, 0.25, 0.8)), b)
        half, tilt = rng.uniform(0.16, 0.30), slant + rng.normal(0.0, 0.012)
        middle = y + tilt * _U * lesion.side + rng.uniform(0.0, 0.02) * np.cos(2 * _U) + rng.normal(0, 0.002, len(_U))
        thick = rng.uniform(0.020, 0.036) * (1 - _U**2) ** 0.7 * rng.uniform(0.7, 1.15, len(_U)) / scene.canvas.tallness
        upper, lower = (np.stack([x + half * _U, middle + way * thick / 2], 1) for way in (-1, 1))
        outlines.append(np.vstack([curve(upper), curve(lower)[::-1]]))
    bands = scene.canvas.fill(outlines, 0.013) * scene.lungs[lesion.side]
    bands *= np.clip(1 + np.float32(0.3) * scene.canvas.clouds(rng, 7), 0.5, 1.4)
    return Change(trim((0.50 + 0.52 * lesion.severity) * bands))


def _wedge(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Change:
    """A lobe folded towards the hilum and the diaphragm: a triangle with a sharp outer border."""
    s = lesion.side
    tip, inner = scene.shape.at(s, 0.03, 0.45), scene.shape.at(s, -0.1, 1.0)
    outer = scene.shape.at(s, float(rng.uniform(0.35, 0.65)), 1.0)
    belly = ((tip[0] + outer[0]) / 2 - s * 0.03, (tip[1] + outer[1]) / 2)
    lower = [(outer[0], outer[1] + 0.06), (inner[0], inner[1] + 0.06)]
    wedge = scene.canvas.fill([np.array([tip, belly, outer, *lower])], 0.018) * scene.lungs[s]
    wedge *= ramp((np.abs(scene.canvas.xy[0]) - np.float32(0.06)) / np.float32(0.26))  # merges with the mediastinum
    wedge *= 1 - np.float32(0.45) * scene.heart
    return Change(trim((0.30 + 0.42 * lesion.severity) * wedge), 0.8 * wedge * (wedge > 0.1))
