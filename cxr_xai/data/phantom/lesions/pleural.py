"""Between lung and chest wall: Effusion (water), Pneumothorax (air), Pleural_Thickening (scar)."""

import numpy as np

from cxr_xai.data.phantom.canvas import ramp
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.lungs import AIR
from cxr_xai.data.phantom.spec import Lesion


def _sides(lesion: Lesion) -> tuple[int, ...]:
    return (lesion.side, -lesion.side) if lesion.both else (lesion.side,)


def draw_effusion(scene: Scene, lesion: Lesion) -> Change:
    """Fluid fills the costophrenic angle and climbs along the wall: a white base with a concave upper border."""
    x, y = scene.canvas.xy
    rise = 0.13 + 0.44 * lesion.severity**1.2  # height of the fluid in the middle of the lung, above the angle
    fill, hide, aside = scene.blank(), scene.blank(), np.abs(x)
    # The air is replaced, and water added where neither heart nor mediastinum whitens the film already: no border
    # between water and heart is left, as on a real film.
    air = scene.lungs.depth * (1 - np.float32(0.80) * scene.heart) * np.float32(0.8 * AIR)
    water = ramp((aside - np.float32(0.08)) / np.float32(0.30)) * (1 - scene.heart)
    opacity = (air + np.float32(0.40 + 0.20 * lesion.severity) * water) * np.float32(0.85 + 0.15 * lesion.severity)
    for side, share in zip(_sides(lesion), (1.0, 0.6), strict=False):
        climb = np.minimum(aside, np.float32(1.05)) ** 2
        climb = climb * climb * np.float32(0.75) + np.float32(0.62)
        below = y - np.float32(scene.shape.floor + 0.02) + np.float32(share * rise) * climb
        inside = ramp(np.asarray(below / np.float32(0.075), np.float32)) * scene.lungs[side]
        fill += inside * opacity
        hide += inside
    return Change(trim(fill), hide * (hide > 0.08))


def draw_pneumothorax(scene: Scene, lesion: Lesion) -> Change:
    """The lung has fallen from the wall: a fine white pleural line, and outside it black air without markings."""
    rng = np.random.default_rng(lesion.seed)
    y = scene.canvas.xy[1]
    apex, base = 0.10 + 0.34 * lesion.severity, (0.02 + 0.16 * lesion.severity) * rng.uniform(-0.6, 1.0)
    gap = np.float32(apex) + np.float32(base - apex) * np.clip(y / np.float32(0.55 + 0.4 * lesion.severity), 0, 1)
    gap = gap + np.float32(0.012) * np.sin(y * np.float32(rng.uniform(8, 14)) + np.float32(rng.uniform(0, 6)))
    lung = scene.lungs[lesion.side]
    beyond = (gap - scene.lungs.from_wall) * (lung > 0)
    air = ramp(beyond / np.float32(0.012)) * lung * (gap > 0.012)
    line = np.exp(-((beyond / np.float32(0.012)) ** 2)) * lung * (gap > 0.02)
    add = (0.11 + 0.10 * lesion.severity) * line - (0.13 + 0.12 * lesion.severity) * air
    return Change(trim(add), air)


def draw_pleural_thickening(scene: Scene, lesion: Lesion) -> Change:
    """A white rim along the chest wall with a wavy, soft inner border, thinning out, over the apex or down the side."""
    rng = np.random.default_rng(lesion.seed)
    y = scene.canvas.xy[1]
    total = scene.blank()
    for side in _sides(lesion):
        thick = np.float32(0.085 + 0.06 * lesion.severity) * (1 + np.float32(0.35) * scene.canvas.clouds(rng, 5))
        along = ramp((np.float32(0.29) - np.abs(y - np.float32(lesion.b))) / np.float32(0.16))
        rim = ramp((thick * along - scene.lungs.from_wall) / np.float32(0.065)) * along
        total += rim * scene.lungs[side]
    return Change(trim((0.46 + 0.34 * lesion.severity) * total), 0.7 * total * (total > 0.12))
