"""Spine, ribs, clavicles and shoulder blades."""

import numpy as np

from cxr_xai.data.phantom.canvas import Canvas, Field, Points, Stroke, curve, moved
from cxr_xai.data.phantom.lungs import LungShape
from cxr_xai.data.phantom.spec import Body, Film, View


def draw_bones(canvas: Canvas, chest: LungShape, body: Body, film: Film, view: View) -> Field:
    """All bones as optical thickness; the chest is the healthy one, so that lungs may change under the same ribs."""
    rng = np.random.default_rng([body.seed, 0])
    blades = _shoulder_blades(view)
    posterior = canvas.strokes(_posterior_ribs(chest, rng))
    soft = canvas.strokes(_anterior_ribs(chest, rng)) * np.float32(0.12)
    soft += canvas.strokes([*_clavicles(body, film), (blades[:, _BORDER], 0.03, 0.5)]) * np.float32(0.26)
    soft += canvas.fill([*blades, *_HEADS], 0.0) * np.float32(0.12)
    bones = canvas.soften(soft, 0.012)  # blurring the sum is the sum of the blurred
    bones += posterior * np.float32(0.19)
    _add_spine(bones, canvas, film)
    return bones


def _double_line(path: Points, width: float, core: float) -> list[Stroke]:
    """A rib in profile: two bright cortices with a fainter core."""
    gap = np.array([0.0, width * 0.36])
    return [(path, width, core), (path - gap, width * 0.17, 1.0), (path + gap, width * 0.17, 0.85)]


def _pair(path: Points) -> Points:
    """The same line or lines on both sides of the body."""
    both = np.stack([path, path * (-1, 1)])
    return both.reshape(-1, *path.shape[-2:])


def _posterior_ribs(chest: LungShape, rng: np.random.Generator) -> list[Stroke]:
    """From the spine outwards and down, the lower the steeper; ten pairs are seen on a good breath."""
    level = (np.linspace(-0.03, 0.78, 10) + rng.normal(0, 0.004, 10))[:, None]
    drop = 0.09 + 0.021 * np.arange(10)[:, None]
    reach = np.minimum(chest.wall(level + drop) + 0.035, 1.02)
    u = np.linspace(0, 1, 10)
    x = 0.10 + (reach - 0.10) * np.sin(u * np.pi / 2)
    y = level - 0.035 * np.sin(u * np.pi * 0.8) + drop * u**2.2
    return _double_line(_pair(np.stack([x, y], 2)), 0.060, 0.5)


def _anterior_ribs(chest: LungShape, rng: np.random.Generator) -> list[Stroke]:
    """From the chest wall inwards and down, ending in cartilage that is not seen; fainter than the posterior ribs."""
    level = (np.linspace(0.13, 0.66, 6) + rng.normal(0, 0.006, 6))[:, None]
    wall, end = chest.wall(level) + 0.01, 0.42 + 0.045 * np.arange(6)[:, None]
    u = np.linspace(0, 1, 8)
    path = np.stack([wall + (end - wall) * u**1.4, level + 0.155 * np.sin(u * np.pi / 2)], 2)
    return _double_line(_pair(path), 0.085, 0.75)


def _clavicles(body: Body, film: Film) -> list[Stroke]:
    slope, turn = 0.025 * body.shoulders, 0.05 * film.turn
    outer = [(0.55, 0.035 + slope * 0.5), (0.80, 0.015 + slope), (1.08, 0.02 + slope)]
    path = curve([(0.09, 0.115), (0.30, 0.105), *outer], steps=3)
    return _double_line(moved(_pair(path), turn), 0.075, 0.6)


def _shoulder_blades(view: View) -> Points:
    """Rolled off the lungs on a PA film; at the bedside they lie over the upper outer lungs."""
    return _pair(moved(_BLADE, -0.28 if view == "AP" else -0.02))


_BLADE = curve([(0.98, 0.06), (1.20, 0.05), (1.34, 0.10), (1.22, 0.26), (1.06, 0.46), (0.98, 0.44), (0.95, 0.24)], True)
_BORDER = np.r_[30:42, 0:2]  # the points of its inner border
_HEADS = _pair(curve([(1.18, 0.10), (1.33, 0.02), (1.48, 0.10), (1.33, 0.18)], True))  # of the upper arms


def _add_spine(bones: Field, canvas: Canvas, film: Film) -> None:
    """Add a column of vertebrae with darker disc spaces, seen through the mediastinum."""
    lean = np.float32(0.02 * film.turn)
    columns = canvas.columns(-0.25, 0.25)
    x, y = np.abs(canvas.xy[0][:, columns] - lean), canvas.level
    discs = np.clip(np.abs(np.sin((y + np.float32(0.02)) * np.float32(np.pi / 0.085))) * 3, 0, 1)
    beads = np.clip(np.sin(y * np.float32(2 * np.pi / 0.085)), 0, 1)
    pedicles = np.clip(1 - np.abs(x - np.float32(0.065)) / np.float32(0.035), 0, 1) * beads
    bones[:, columns] += np.clip((0.125 - x) * 14, 0, 1) * (0.16 + 0.10 * discs + 0.09 * pedicles)
