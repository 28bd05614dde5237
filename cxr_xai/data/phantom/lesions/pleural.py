"""Between lung and chest wall: Effusion (water), Pneumothorax (air), Pleural_Thickening (scar)."""

import numpy as np

from cxr_xai.data.phantom.canvas import ramp
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion


def _sides(lesion: Lesion) -> tuple[int, ...]:
    return (lesion.side, -lesion.side) if lesion.both else (lesion.side,)


def draw_effusion(scene: Scene, lesion: Lesion) -> Change:
    """Fluid fills the costophrenic angle and climbs along the wall: a white base with a concave upper border."""
    x, y = scene.canvas.xy
    rise = 0.13 + 0.44 * lesion.severity**1.2  # height of the fluid in the middle of the lung, above the angle
    fill, hide = scene.blank(), scene.blank()
    for side, share in zip(_sides(lesion), (1.0, 0.6), strict=False):
        outwards = np.clip(np.abs(x), 0, 1.05)
        meniscus = scene.shape.floor + 0.02 - share * rise * (0.62 + 0.75 * outwards**4)
        inside = ramp((y - meniscus.astype(np.float32)) / np.float32(0.05)) * scene.air(side)
        fill += inside * (0.55 + 0.25 * lesion.severity)
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
    """A white rim along the chest wall with a wavy inner border, over the apex or down the side."""
    rng = np.random.default_rng(lesion.seed)
    y = scene.canvas.xy[1]
    total = scene.blank()
    for side in _sides(lesion):
        thick = (0.05 + 0.06 * lesion.severity) * (1 + 0.35 * scene.canvas.clouds(rng, 5))
        along = ramp((0.26 - np.abs(y - np.float32(lesion.b))) / np.float32(0.12))
        rim = ramp((thick * along - scene.lungs.from_wall) / np.float32(0.02)) * ramp(2 * along)
        total += rim * (scene.lungs[side] > 0)
    return Change(trim((0.34 + 0.36 * lesion.severity) * total), 0.7 * total * (total > 0.12))
