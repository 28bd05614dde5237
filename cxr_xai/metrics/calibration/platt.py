"""Platt scaling: slope and intercept of each finding."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from cxr_xai.metrics.calibration.contract import Calibrator, Floats, Line, fit_supported, sigmoid
from cxr_xai.metrics.calibration.temperature import Temperature


def smooth_targets(y: Floats) -> Floats:
    """Return Platt's targets: ``(n₊ + 1) / (n₊ + 2)`` for a positive, ``1 / (n₋ + 2)`` for a negative.

    They keep the fit finite where val is separated in full.

    >>> smooth_targets(np.array([1.0, 0.0, 0.0]))
    array([0.66666667, 0.25      , 0.25      ])
    """
    positives = y.sum()
    smoothed: Floats = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))
    return smoothed


def fit_platt(y: Floats, z: Floats) -> Line:
    """Return the line with the least cross-entropy to the smoothed targets, its slope not negative.

    A finding that val ranks the wrong way round gets slope 0: its prevalence, whatever the film.

    Args:
        y: ``(n,)`` 1 or 0.
        z: ``(n,)`` logits.
    """
    t, center, spread = smooth_targets(y), z.mean(), z.std() or 1.0
    x = (z - center) / spread

    def loss(parameters: Floats) -> tuple[float, Floats]:
        line = parameters[0] * x + parameters[1]
        gap = sigmoid(line) - t
        return float(np.mean(np.logaddexp(0, line) - t * line)), np.array([np.mean(gap * x), np.mean(gap)])

    found = minimize(
        loss,
        np.array([1.0, 0.0]),
        jac=True,
        bounds=[(0, None), (None, None)],
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    ).x
    slope = float(found[0] / spread)
    return Line("platt", slope, float(found[1]) - slope * float(center))


@dataclass(frozen=True)
class Platt:
    """``sigmoid(a z + b)`` per finding (Platt 1999), with his smoothed targets.

    It rises strictly where the slope is not 0, so rankings stay, and the intercept takes out what weights of the loss
    or the loader did to the base rate.

    Attributes:
        min_support: studies that the rarer of present and absent needs in val; a finding with fewer gets the
            `Temperature` of all.
    """

    min_support: int = 10

    def fit(self, logits: npt.ArrayLike, target: npt.ArrayLike) -> Calibrator:
        """Return a line for each finding."""
        return fit_supported(fit_platt, Temperature().fit(logits, target), logits, target, self.min_support)
