"""Hernia: part of the stomach behind the heart."""

import numpy as np

from cxr_xai.data.phantom.canvas import ramp
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion


def draw_hernia(scene: Scene, lesion: Lesion) -> Change:
    """A round shadow above the diaphragm near the midline, gas above a straight fluid level inside its wall."""
    rng = np.random.default_rng(lesion.seed)
    radius = 0.17 + 0.14 * lesion.severity
    x = rng.uniform(0.02, 0.22) * (1 if rng.random() < 0.75 else -1)
    y = scene.shape.floor - 0.10 - 0.5 * radius
    flat = rng.uniform(0.85, 1.0)
    sac = scene.canvas.blob((x, y), radius, lambda _, sin: 1 - (1 - flat) * np.abs(sin), 0.03)
    cavity = scene.canvas.blob((x, y), radius * 0.80, lambda _, sin: 1 - (1 - flat) * np.abs(sin), 0.03)
    level = y + radius * rng.uniform(-0.25, 0.35) / scene.canvas.tallness
    gas = cavity * ramp((np.float32(level) - scene.canvas.level) / np.float32(0.015) + 0.5)
    strength = 0.75 + 0.40 * lesion.severity
    shadow = strength * (0.38 * sac - (0.50 + 0.25 * lesion.severity) * gas)
    return Change(trim(np.asarray(shadow, np.float32)))
