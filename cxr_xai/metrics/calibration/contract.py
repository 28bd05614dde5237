"""What a calibration promises: one curve a finding, from logit to probability, that never falls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from cxr_xai.errors import UserError
from cxr_xai.metrics.columns import count_support, known_columns

Floats = npt.NDArray[np.float64]


def sigmoid(logits: npt.ArrayLike) -> Floats:
    """Return ``1 / (1 + exp(-z))`` in float64, finite and in [0, 1] for every finite logit."""
    probs: Floats = expit(np.asarray(logits, dtype=np.float64))
    return probs


@dataclass(frozen=True)
class Line:
    """``sigmoid(slope · logit + intercept)``; as it stands, the sigmoid itself.

    Attributes:
        rule: the member that fitted it, which may be another than the one asked for.
        slope: finite, not negative.
        intercept: finite.
    """

    rule: str = "none"
    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.slope, self.intercept]).all() and self.slope >= 0):
            raise UserError(f"found slope {self.slope} and intercept {self.intercept}; a slope is finite and ≥ 0")

    def apply(self, logits: Floats) -> Floats:
        """Return the probabilities of logits of any shape."""
        return sigmoid(self.slope * logits + self.intercept)


@dataclass(frozen=True)
class Steps:
    """Straight pieces between knots, level beyond the first and the last.

    Attributes:
        rule: the member that fitted it.
        logits: of the knots, rising.
        probs: at the knots, in [0, 1], never falling.
    """

    rule: str
    logits: tuple[float, ...]
    probs: tuple[float, ...]

    def __post_init__(self) -> None:
        x, p = np.array(self.logits, dtype=np.float64), np.array(self.probs, dtype=np.float64)
        whole = len(x) == len(p) > 0 and bool(np.isfinite(x).all())
        if not (whole and (np.diff(x) > 0).all() and (np.diff(p) >= 0).all() and 0 <= p[0] <= p[-1] <= 1):
            raise UserError("found knots that are no curve; logits rise, and probabilities in [0, 1] never fall")

    def apply(self, logits: Floats) -> Floats:
        """Return the probabilities of logits of any shape."""
        probs: Floats = np.interp(logits, self.logits, self.probs)
        return probs


Curve = Line | Steps


@dataclass(frozen=True)
class Calibrator:
    """One curve a finding, of plain types.

    Attributes:
        curves: ``K`` of them.
    """

    curves: tuple[Curve, ...]

    def apply(self, logits: npt.ArrayLike) -> Floats:
        """Return ``(N, K)`` probabilities in [0, 1] of ``(N, K)`` logits.

        >>> Calibrator((Line(), Line("platt", 2.0, -1.0))).apply([[0.0, 0.5]]).tolist()
        [[0.5, 0.5]]

        Raises:
            UserError: as many columns as curves are needed.
        """
        z = np.asarray(logits, dtype=np.float64)
        if z.ndim != 2 or z.shape[1] != len(self.curves):
            raise UserError(f"found logits of shape {z.shape} and curves of {len(self.curves)} findings")
        return np.stack([curve.apply(z[:, k]) for k, curve in enumerate(self.curves)], axis=1)


class Calibration(Protocol):
    """A member of the ``calibration`` group."""

    def fit(self, logits: npt.ArrayLike, target: npt.ArrayLike) -> Calibrator:
        """Fit to ``(N, K)`` logits and targets of val; a target that is NaN is unknown and has no say.

        Raises:
            UserError: shapes disagree, or a known target has a logit that is not finite.
        """
        ...


def fit_supported(
    fit: Callable[[Floats, Floats], Curve],
    spare: Calibrator,
    logits: npt.ArrayLike,
    target: npt.ArrayLike,
    min_support: int,
) -> Calibrator:
    """Return a curve of its own for each finding that val says enough about, and the spare one for the others.

    Args:
        fit: known targets and logits of one finding → its curve.
        spare: of a simpler member.
        logits: ``(N, K)``.
        target: ``(N, K)``, NaN unknown.
        min_support: studies that the rarer of present and absent needs; 1 at least.
    """
    columns, least = known_columns(target, logits), max(min_support, 1)
    return Calibrator(
        tuple(
            fit(y, z) if count_support(y) >= least else curve
            for (y, z), curve in zip(columns, spare.curves, strict=True)
        )
    )
