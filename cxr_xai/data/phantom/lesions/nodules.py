"""Nodule (round, under 3 cm) and Mass (larger, lobulated or spiculated)."""

import cv2
import numpy as np

from cxr_xai.data.phantom.canvas import Field
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion


def _lobed(rng: np.random.Generator, roughness: float) -> tuple[Field, Field]:
    waves = np.arange(2, 7)
    return (rng.normal(0, roughness, 5) / waves**1.1).astype(np.float32), rng.uniform(0, 6.3, 5).astype(np.float32)


def _ball(scene: Scene, lesion: Lesion, radius: float, roughness: float, edge: float, density: float) -> Change:
    rng = np.random.default_rng(lesion.seed)
    center = scene.shape.at(lesion.side, lesion.a, lesion.b)
    height, phase = _lobed(rng, roughness)
    waves = np.arange(2, 7, dtype=np.float32)

    def radii(cos: Field, sin: Field) -> Field:
        t = np.asarray(cv2.phase(cos, sin), np.float32)
        return np.asarray(
            1 + sum(h * np.cos(k * t + p) for h, k, p in zip(height, waves, phase, strict=True)), np.float32
        )

    ball = scene.canvas.blob(center, radius, radii, edge)
    return Change(trim(density * ball), 0.6 * (ball > 0.2) * ball)


def draw_nodule(scene: Scene, lesion: Lesion) -> Change:
    """One round opacity of 1 to 3 cm (radius .05-.10 units of about 14 cm), well defined, lying in a lung."""
    return _ball(scene, lesion, 0.056 + 0.042 * lesion.severity, 0.05, 0.028, 0.30 + 0.46 * lesion.severity)


def draw_mass(scene: Scene, lesion: Lesion) -> Change:
    """One opacity of 3 to 7 cm with a lobulated border, denser than a nodule because it is thicker."""
    return _ball(scene, lesion, 0.125 + 0.15 * lesion.severity, 0.16, 0.06, 0.30 + 0.40 * lesion.severity)
