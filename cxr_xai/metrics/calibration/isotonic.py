"""Isotonic regression: any curve that never falls."""

from dataclasses import dataclass

import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from cxr_xai.metrics.calibration.contract import Calibrator, Floats, Steps, fit_supported
from cxr_xai.metrics.calibration.platt import Platt


def fit_isotonic(y: Floats, z: Floats) -> Steps:
    """Return the curve with the least squared error among those that never fall.

    Args:
        y: ``(n,)`` 1 or 0.
        z: ``(n,)`` logits.

    >>> fit_isotonic([0.0, 1.0, 0.0, 1.0], [1.0, 2.0, 3.0, 4.0])  # the middle two are in the wrong order: both get 1/2
    Steps(rule='isotonic', logits=(1.0, 2.0, 3.0, 4.0), probs=(0.0, 0.5, 0.5, 1.0))
    """
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(z, y)
    return Steps("isotonic", tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))


@dataclass(frozen=True)
class Isotonic:
    """A step curve per finding (Zadrozny & Elkan, KDD 2002).

    Its plateaus make equal what the logits had ranked, so rankings are taken of the sigmoids, never of these.

    Attributes:
        min_support: studies that the rarer of present and absent needs in val; a finding with fewer gets what
            `Platt` gives it.
    """

    min_support: int = 200

    def fit(self, logits: npt.ArrayLike, target: npt.ArrayLike) -> Calibrator:
        """Return a curve for each finding."""
        return fit_supported(fit_isotonic, Platt().fit(logits, target), logits, target, self.min_support)
