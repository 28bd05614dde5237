"""Temperature scaling: one number for all findings."""

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from cxr_xai.metrics.calibration.contract import Calibrator, Floats, Line, sigmoid
from cxr_xai.metrics.columns import has_both, known_columns

WIDEST = 20.0
"""Temperatures lie between 1/20 and 20: what val separates in full would otherwise ask for 0."""


def fit_temperature(y: Floats, z: Floats) -> float:
    """Return the ``T`` with the least cross-entropy of ``sigmoid(z / T)``.

    The entropy is convex in ``1 / T``, so the root of its slope ``mean(z (sigmoid(z / T) - y))`` is the minimum.

    Args:
        y: ``(n,)`` 1 or 0.
        z: ``(n,)`` logits.

    >>> z = np.array([2.0, 2.0, 2.0, 2.0, -2.0])
    >>> y = np.array([1.0, 1.0, 1.0, 0.0, 0.0])  # at logits of ±2 the share of right answers is 4/5: log 4 = 2 / T
    >>> round(fit_temperature(y, z) * math.log(4), 9)
    2.0
    """

    def slope(log_t: float) -> float:
        return float(np.mean(z * (sigmoid(z * math.exp(-log_t)) - y)))

    end = math.log(WIDEST)
    if slope(end) >= 0:
        return WIDEST
    if slope(-end) <= 0:
        return 1 / WIDEST
    return math.exp(brentq(slope, -end, end, xtol=1e-13))


class Temperature:
    """``sigmoid(z / T)`` with one ``T`` over all findings and known labels (Guo et al., ICML 2017, arXiv:1706.04599).

    It rises strictly, so every ranking stays, and one number cannot overfit. It cannot move a probability over .5:
    what weights of the loss or the loader did to the base rate it leaves as it is (`platt` takes that out).
    """

    def fit(self, logits: npt.ArrayLike, target: npt.ArrayLike) -> Calibrator:
        """Return the same line for each finding; the sigmoid, rule ``none``, where val has one kind of label only."""
        columns = known_columns(target, logits)
        y, z = (np.concatenate(parts) for parts in zip(*columns, strict=True)) if columns else (np.empty(0),) * 2
        line = Line("temperature", 1 / fit_temperature(y, z)) if has_both(y) else Line()
        return Calibrator((line,) * len(columns))
