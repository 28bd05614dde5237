"""Air spaces filled: Infiltration, Pneumonia, Consolidation and Edema."""

import cv2
import numpy as np

from cxr_xai.data.phantom.canvas import Field, Stroke, ramp
from cxr_xai.data.phantom.lesions.scene import Change, Scene, trim
from cxr_xai.data.phantom.spec import Lesion


def _sides(lesion: Lesion) -> tuple[int, ...]:
    return (lesion.side, -lesion.side) if lesion.both else (lesion.side,)


def _cloud(scene: Scene, center: tuple[float, float], radius: float, flat: float, soft: float) -> Field:
    """An oval haze, `flat` times as wide as high, fading over `soft` of its radius."""

    def oval(cos: Field, sin: Field) -> Field:
        return np.asarray(1 / cv2.magnitude(cos * np.float32(1 / flat), sin), np.float32)

    return scene.canvas.blob(center, radius * (1 - 0.5 * soft), oval, radius * soft)


def _bronchograms(
    scene: Scene, rng: np.random.Generator, center: tuple[float, float], side: int, reach: float
) -> Field:
    """Air in the bronchi, dark against the filled lung: a few forks running outwards."""
    angles = rng.uniform(-0.9, 0.9, (4, 1))
    along = np.stack([side * np.cos(angles), 0.7 * np.sin(angles)], 2)
    u = np.linspace(-0.75, 0.75, 6)[:, None] * reach
    paths = np.array(center) + u * along + rng.normal(0, 0.012, (4, 6, 2))
    return scene.canvas.strokes([(paths, 0.018, 0.9)], 0.006)


def draw_infiltration(scene: Scene, lesion: Lesion) -> Change:
    """Patchy, ill-defined haze: several faint clouds near each other, vessels still seen through them."""
    rng = np.random.default_rng(lesion.seed)
    total = scene.blank()
    for side in _sides(lesion):
        a, b = lesion.a + rng.normal(0, 0.20, 5), lesion.b + rng.normal(0, 0.10, 5)
        for x, y in scene.shape.places(side, np.clip(a, 0.1, 0.9), np.clip(b, 0.1, 0.93)).tolist():
            total += np.float32(rng.uniform(0.5, 1.0)) * _cloud(scene, (x, y), rng.uniform(0.13, 0.26), 1.1, 1.0)
    patchy = np.clip(0.8 + 0.35 * scene.canvas.clouds(rng, 11), 0.15, 1.6)
    return Change(
        trim(
            (0.16 + 0.26 * lesion.severity) * np.minimum(total, 1.3) * patchy * np.maximum(scene.air(-1), scene.air(1))
        )
    )


def draw_pneumonia(scene: Scene, lesion: Lesion) -> Change:
    """One lobe's patchy opacity, plainer than infiltration, coarse in texture, with some air bronchograms."""
    rng = np.random.default_rng(lesion.seed)
    center = scene.shape.at(lesion.side, lesion.a, lesion.b)
    radius = rng.uniform(0.27, 0.40)
    core = _cloud(scene, center, radius, 1.15, 0.75)
    patchy = np.clip(0.75 + 0.45 * scene.canvas.clouds(rng, 7), 0.1, 1.5)
    air = _bronchograms(scene, rng, center, lesion.side, 0.7 * radius)
    lung = scene.air(lesion.side)
    density = (0.28 + 0.36 * lesion.severity) * core * patchy * (1 - 0.55 * air)
    return Change(trim(density * lung), 0.5 * core * (core > 0.3) * lung)


def draw_consolidation(scene: Scene, lesion: Lesion) -> Change:
    """Dense, homogeneous, cut straight by a fissure on one side; it hides the vessels and shows the bronchi."""
    rng = np.random.default_rng(lesion.seed)
    center = scene.shape.at(lesion.side, lesion.a, lesion.b)
    radius = rng.uniform(0.25, 0.42)
    core = _cloud(scene, center, radius, 1.2, 0.5)
    x, y = scene.canvas.xy
    outwards = (x - np.float32(center[0])) * np.float32(lesion.side)
    bowed = outwards * np.float32(rng.normal(0.15, 0.15)) + outwards**2 * np.float32(rng.uniform(0.2, 0.7))
    below = (y - np.float32(center[1])) * np.float32(scene.canvas.tallness) - bowed
    upper_lobe = lesion.b < 0.45  # an upper lobe ends on a fissure below it, a lower one on a fissure above
    fissure = ramp(((-below if upper_lobe else below) + 0.45 * radius) / 0.06)
    air = _bronchograms(scene, rng, center, lesion.side, 0.75 * radius)
    shape = core * fissure * scene.air(lesion.side)
    even = np.clip(1.0 + 0.08 * scene.canvas.clouds(rng, 5), 0.7, 1.3)
    return Change(trim((0.45 + 0.50 * lesion.severity) * shape * even * (1 - 0.35 * air)), shape * (shape > 0.1))


def draw_edema(scene: Scene, lesion: Lesion) -> Change:
    """Bat wings: haze around both hila, blurred vessels, and short Kerley B lines at the lower chest wall."""
    rng = np.random.default_rng(lesion.seed)
    wings = scene.blank()
    lines: list[Stroke] = []
    for side in (-1, 1):
        wings += _cloud(scene, scene.shape.at(side, 0.28, 0.55), 0.66, 0.8, 0.95)
        outer = scene.shape.places(side, np.full(9, 0.97), rng.uniform(0.62, 0.90, 9))
        inner = outer + np.stack([-side * rng.uniform(0.07, 0.13, 9), np.full(9, 0.004)], 1)
        lines.append((np.stack([inner, outer], 1), 0.013, 0.9))
    kerley = scene.canvas.strokes(lines, 0.003)
    mottled = np.clip(0.9 + 0.22 * scene.canvas.clouds(rng, 12), 0.3, 1.6)
    haze = (0.12 + 0.28 * lesion.severity) * wings * mottled
    return Change(trim((haze + (0.10 + 0.10 * lesion.severity) * kerley) * np.maximum(scene.air(-1), scene.air(1))))
