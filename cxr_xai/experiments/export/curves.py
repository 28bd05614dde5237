"""What val decided, as tensors: curves that a graph can hold, and thresholds on logits that decide as they do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxr_xai.metrics.calibration.contract import Curve, Line
from cxr_xai.metrics.decision import Decision

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """A curve of steps as a sum of ramps: ``first + Σ rise · clip((z - start) / width, 0, 1)``.

    Ramps in units of their own width keep their accuracy in single precision where knots lie close together; slopes
    would not.

    Attributes:
        first: probability before the first ramp.
        start: ``(M,)`` logit where each begins.
        width: ``(M,)``, above 0.
        rise: ``(M,)``, 0 or more.
    """

    first: float
    start: Floats
    width: Floats
    rise: Floats


def make_pieces(curve: Curve) -> Pieces:
    """Return the ramps of a curve; a line has none, and neither has a curve of one knot.

    >>> from cxr_xai.metrics.calibration.contract import Steps
    >>> make_pieces(Steps("isotonic", (0.0, 1.0, 3.0), (0.2, 0.5, 0.5))).rise.tolist()
    [0.3]
    """
    if isinstance(curve, Line):
        return Pieces(0.0, *(np.empty(0),) * 3)
    x, p = np.array(curve.logits), np.array(curve.probs)
    rises = np.diff(p) > 0
    return Pieces(float(p[0]), x[:-1][rises], np.diff(x)[rises], np.diff(p)[rises])


class Curves(nn.Module):
    """``(N, K)`` logits → ``(N, K)`` calibrated probabilities, equal to a `Calibrator` to single precision.

    Args:
        curves: one a finding.
    """

    line: Tensor
    slope: Tensor
    intercept: Tensor
    first: Tensor
    start: Tensor
    per_width: Tensor
    rise: Tensor

    def __init__(self, curves: Sequence[Curve]) -> None:
        super().__init__()
        lines = [curve if isinstance(curve, Line) else Line() for curve in curves]
        pieces = [make_pieces(curve) for curve in curves]
        most = max(1, *(len(one.start) for one in pieces))
        self.stepped = any(not isinstance(curve, Line) for curve in curves)
        columns = {
            "slope": np.array([one.slope for one in lines]),
            "intercept": np.array([one.intercept for one in lines]),
            "first": np.array([one.first for one in pieces]),
            "start": np.stack([fill(one.start, most) for one in pieces]),
            "per_width": np.stack([fill(1 / one.width, most) for one in pieces]),
            "rise": np.stack([fill(one.rise, most) for one in pieces]),
        }
        self.register_buffer("line", torch.tensor([isinstance(curve, Line) for curve in curves]))
        for name, values in columns.items():
            self.register_buffer(name, torch.from_numpy(values).float())

    def forward(self, logits: Tensor) -> Tensor:
        """``(N, K)`` → ``(N, K)`` in [0, 1]."""
        probs = torch.sigmoid(self.slope * logits + self.intercept)
        if not self.stepped:
            return probs
        ramp = ((logits[:, :, None] - self.start) * self.per_width).clamp(0, 1)
        stepped = (self.first + (self.rise * ramp).sum(dim=2)).clamp(0, 1)
        return torch.where(self.line, probs, stepped)


def fill(values: Floats, length: int) -> Floats:
    """Lengthen with zeros: ramps that rise nowhere.

    >>> fill(np.ones(1), 3).tolist()
    [1.0, 0.0, 0.0]
    """
    return np.pad(values, (0, length - len(values)))


def find_cuts(decision: Decision) -> npt.NDArray[np.float32]:
    """Return ``(K,)`` the smallest logits of single precision at which each finding is predicted.

    Thresholds are probabilities of val and therefore often lie on a plateau of their curve, where the least rounding
    would decide for hundreds of films at once; curves never fall, so a threshold on the logit decides alike without
    it. ``inf``: never predicted; ``-inf``: always.

    Args:
        decision: what val decided.
    """
    low, high = (np.full(len(decision.findings), number, np.int64) for number in (_order(-np.inf), _order(np.inf)))
    while (low < high).any():
        middle = (low + high) // 2
        reached = _reaches(decision, _float(middle))
        low, high = np.where(reached, low, np.minimum(middle + 1, high)), np.where(reached, middle, high)
    return _float(high)


def _reaches(decision: Decision, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """``(K,)`` whether each logit is predicted; the infinite ones stand for always (from below) and never."""
    finite = np.isfinite(logits)
    largest = float(np.finfo(np.float32).max)
    said = decision.predict(decision.calibrate(np.clip(logits.astype(np.float64), -largest, largest)[None]))[0]
    reached: npt.NDArray[np.bool_] = said & (finite | (logits < 0)) | (logits == np.inf)
    return reached


def _order(number: float) -> int:
    """Return the place of a number among all of single precision."""
    bits = int(np.float32(number).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _float(order: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Turn places back into numbers."""
    magnitude = np.abs(order).astype(np.uint32).view(np.float32)
    return np.where(order < 0, -magnitude, magnitude).astype(np.float32)
