"""Skin to diaphragm: what is not bone, lung or lesion, as optical thickness (0 none, 1 a chest wall)."""

import cv2
import numpy as np

from cxr_xai.data.phantom.canvas import Canvas, Field, curve, moved, ramp
from cxr_xai.data.phantom.spec import Body, Film, View

_HEART = ((-0.15, 0.30), (-0.19, 0.42), (-0.255, 0.55), (-0.295, 0.68), (-0.285, 0.80), (-0.20, 0.90), (0.02, 0.94),
          (0.28, 0.945), (0.47, 0.915), (0.545, 0.85), (0.535, 0.765), (0.455, 0.65), (0.345, 0.535), (0.265, 0.44),
          (0.235, 0.37), (0.19, 0.30))  # fmt: skip
_MEDIASTINUM = ((-0.10, -0.40), (-0.13, 0.0), (-0.17, 0.12), (-0.18, 0.30), (-0.20, 0.50), (-0.18, 0.70), (-0.15, 1.0),
                (0.15, 1.0), (0.17, 0.70), (0.18, 0.46), (0.215, 0.33), (0.245, 0.27), (0.235, 0.21), (0.18, 0.175),
                (0.14, 0.10), (0.12, 0.0), (0.10, -0.40))  # fmt: skip
_TRACHEA = ((-0.045, -0.40), (-0.045, 0.20), (-0.12, 0.30), (-0.16, 0.33), (-0.15, 0.36), (-0.02, 0.27), (0.0, 0.26),
            (0.03, 0.27), (0.15, 0.37), (0.165, 0.34), (0.12, 0.31), (0.045, 0.20), (0.045, -0.40))  # fmt: skip
_HEART_LINE, _MEDIASTINUM_LINE, _TRACHEA_LINE = (curve(p, closed=True) for p in (_HEART, _MEDIASTINUM, _TRACHEA))


def draw_trunk(canvas: Canvas, body: Body, film: Film) -> Field:
    """Neck, shoulders, chest wall and arms; thicker in the middle and downwards, more so in the obese.

    With the arms away the air of the armpits is seen; hanging they fill the film's sides.
    """
    wide, slope = 1.04 + 0.22 * body.habitus, 0.03 * body.shoulders
    neck = ((0.30, -0.60), (0.31, -0.16), (0.60, -0.075), (1.05 * wide, 0.02 + slope), (1.40 * wide, 0.14 + slope))
    raised = ((1.55 * wide, 0.34), (1.36 * wide, 0.46), (1.17 * wide, 0.62), (1.13 * wide, 0.9), (1.16 * wide, 1.2))
    hanging = ((1.62 * wide, 0.30), (1.72 * wide, 0.50), (1.74 * wide, 0.80), (1.74 * wide, 1.2))
    right = (*neck, *(hanging if film.arms_down else raised), (1.3 * wide, 1.8))
    half = curve(right, steps=4)
    skin = canvas.fill([np.vstack([half, half[::-1] * (-1, 1)])], 0.02)
    round_off = canvas.soften(skin, 0.13)
    x, y = canvas.xy
    thick = np.asarray(cv2.exp(x * x * np.float32(-(0.75**-2))), np.float32)  # the middle
    thick *= np.float32(0.10)
    thick += np.float32(0.35) + np.float32(0.55) * round_off
    thick += np.float32(0.10 + 0.25 * body.habitus) * np.clip(y, 0, 1.2)
    thick *= skin * np.float32(0.92 + 0.22 * body.habitus)
    return thick


def draw_breasts(canvas: Canvas, body: Body, film: Film) -> Field:
    """Two soft shadows over the lower chest; their lower border is the plainest part."""
    total = np.zeros((canvas.size,) * 2, np.float32)
    radius, low = 0.40 + 0.14 * body.habitus, 0.66 + 0.12 * body.habitus
    for side in (-1, 1):
        center = (side * (0.62 + 0.12 * body.habitus + 0.02 * film.turn * side), low)
        disc = canvas.blob(center, radius, lambda _, sin: 1.0 + 0.12 * sin, 0.05)
        total += disc * np.clip(0.55 + (canvas.level - np.float32(low)) * 1.6, 0.1, 1.0)
    return total * np.float32(0.14 + 0.16 * body.habitus)


def draw_mediastinum(canvas: Canvas, film: Film) -> tuple[Field, Field]:
    """The great vessels with the aortic knob (left in the body), and the air of trachea and main bronchi; both 0-1."""
    lean = 0.05 * film.turn
    outline = moved(_MEDIASTINUM_LINE, lean)
    trachea = moved(_TRACHEA_LINE, 0.5 * lean)
    below_neck = np.float32(0.35) + np.float32(0.65) * ramp(canvas.level * 3 + np.float32(0.3))
    return canvas.fill([outline], 0.025) * below_neck, canvas.fill([trachea], 0.012)


def draw_heart(canvas: Canvas, body: Body, film: Film, view: View, enlarged: float, hyper: float) -> Field:
    """The cardiac silhouette, 0-1.

    `enlarged` 0-1 widens its lower part, mostly to the left, as a failing ventricle does; trapped air (`hyper` 0-1)
    draws it down into the slim drop of emphysema. Near the film (PA) it has its true size, at the bedside (AP) it is
    magnified.
    """
    magnified = (1.13 if view == "AP" else 1.0) * body.heart * (1.0 + 0.10 * (body.habitus - 0.4))
    x, y = _HEART_LINE.T
    lower = np.clip((y - 0.30) / 0.30, 0.0, 1.0)  # the great vessels above keep their width
    wide = magnified * (1.0 + 0.60 * enlarged * lower) * (1.0 - 0.10 * hyper)
    long = 1.0 + film.inspiration + 0.08 * hyper
    outline = np.stack([x * wide + 0.03 * enlarged * lower + 0.05 * film.turn, y * long], 1)
    return canvas.fill([outline], 0.018)


def draw_abdomen(canvas: Canvas) -> Field:
    """Liver, spleen and bowel, 0-1: they fill what the lungs leave free, thinner towards the skin."""
    x, y = canvas.xy
    flank = 1 - ramp((np.abs(x) - np.float32(0.62)) / np.float32(0.66))
    return ramp((y - np.float32(0.62)) / np.float32(0.34)) * (np.float32(0.25) + np.float32(0.75) * flank)


def draw_gas(canvas: Canvas, body: Body) -> Field:
    """Air in the stomach: a dark cap well under the left diaphragm."""
    rng = np.random.default_rng([body.seed, 1])
    x = float(rng.uniform(0.38, 0.6))
    radius, flat = rng.uniform(0.07, 0.17), rng.uniform(0.25, 0.6)
    low = 0.985 + 0.05 + radius * 0.5  # below the lowest possible dome, whatever the breath
    cap = canvas.blob((x, low), radius, lambda _, sin: 1.0 - flat * np.abs(sin), 0.03)
    return cap * ramp((np.float32(low + 0.05) - canvas.level) * 12) * np.float32(rng.uniform(0.2, 0.75))
