"""The findings that are added to a chest, one drawer each; Cardiomegaly and Emphysema change the chest itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cxr_xai.data.phantom.lesions.airspace import draw_consolidation, draw_edema, draw_infiltration, draw_pneumonia
from cxr_xai.data.phantom.lesions.collapse import draw_atelectasis
from cxr_xai.data.phantom.lesions.fibrosis import draw_fibrosis
from cxr_xai.data.phantom.lesions.hernia import draw_hernia
from cxr_xai.data.phantom.lesions.nodules import draw_mass, draw_nodule
from cxr_xai.data.phantom.lesions.pleural import draw_effusion, draw_pleural_thickening, draw_pneumothorax
from cxr_xai.data.phantom.lesions.scene import Change, Scene
from cxr_xai.data.phantom.spec import Lesion

DRAWERS: dict[str, Callable[[Scene, Lesion], Change]] = {
    "Atelectasis": draw_atelectasis,
    "Effusion": draw_effusion,
    "Infiltration": draw_infiltration,
    "Mass": draw_mass,
    "Nodule": draw_nodule,
    "Pneumonia": draw_pneumonia,
    "Pneumothorax": draw_pneumothorax,
    "Consolidation": draw_consolidation,
    "Edema": draw_edema,
    "Fibrosis": draw_fibrosis,
    "Pleural_Thickening": draw_pleural_thickening,
    "Hernia": draw_hernia,
}


@dataclass(frozen=True)
class _Habit:
    """Where a finding likes to be: ranges of `a`, `b` and severity, chance of both sides and of the right side."""

    a: tuple[float, float] = (0.2, 0.8)
    b: tuple[float, float] = (0.2, 0.85)
    severity: tuple[float, float] = (0.0, 1.0)
    both: float = 0.0
    right: float = 0.55


_HABITS: dict[str, _Habit] = {
    "Atelectasis": _Habit((0.3, 0.7), (0.68, 0.93)),  # the bases, under a splinted diaphragm
    "Cardiomegaly": _Habit(),
    "Effusion": _Habit(both=0.2),
    "Infiltration": _Habit((0.25, 0.7), (0.35, 0.8), both=0.35),
    "Mass": _Habit((0.15, 0.75), (0.2, 0.75)),
    "Nodule": _Habit((0.2, 0.85), (0.15, 0.85)),
    "Pneumonia": _Habit((0.3, 0.7), (0.35, 0.85)),
    "Pneumothorax": _Habit(),
    "Consolidation": _Habit((0.3, 0.7), (0.2, 0.8)),
    "Edema": _Habit(both=1.0),
    "Emphysema": _Habit(both=1.0),
    "Fibrosis": _Habit(b=(0.80, 0.88), both=0.8),
    "Pleural_Thickening": _Habit(b=(0.05, 0.75), both=0.15),
    "Hernia": _Habit(severity=(0.1, 1.0)),
}


def draw_lesion(rng: np.random.Generator, finding: str, change: float = 0.0) -> Lesion:
    """Draw a lesion of the finding by lot; `change` makes it better (negative) or worse than the patient's usual."""
    habit = _HABITS[finding]
    side, both, severity, a, b = rng.random(5)
    low, high = habit.severity
    apical = finding == "Fibrosis" and rng.random() < 0.3  # old tuberculosis scars the apices, not the bases
    return Lesion(
        side=-1 if side < habit.right else 1,
        both=bool(both < habit.both),
        severity=float(min(max(low + (high - low) * severity + change, 0.0), 1.0)),
        a=float(habit.a[0] + (habit.a[1] - habit.a[0]) * a),
        b=0.14 if apical else float(habit.b[0] + (habit.b[1] - habit.b[0]) * b),
        seed=int(rng.integers(2**31)),
    )


__all__ = ["DRAWERS", "Change", "Lesion", "Scene", "draw_lesion"]
