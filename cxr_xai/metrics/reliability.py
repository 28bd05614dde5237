"""What was said beside what came true, in bins of equal mass."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_xai.metrics.columns import Floats

BINS = 15
"""As in Guo et al., ICML 2017."""


@dataclass(frozen=True)
class Bins:
    """One finding in ``B`` bins, those that hold no study left out.

    Attributes:
        counts: ``(B,)`` studies.
        said: ``(B,)`` their mean probability.
        came_true: ``(B,)`` their share of positives.
    """

    counts: npt.NDArray[np.int64]
    said: Floats
    came_true: Floats

    @property
    def error(self) -> float:
        """Expected calibration error ``Σ_b n_b/N · |said_b - came_true_b|``; NaN without studies."""
        total = self.counts.sum()
        return float(self.counts @ np.abs(self.said - self.came_true) / total) if total else float("nan")


def bin_by_mass(y: npt.ArrayLike, p: npt.ArrayLike, bins: int = BINS) -> Bins:
    """Put studies in order of their probability and divide them evenly.

    Equal probabilities share a bin, so that the order of studies does not matter; bins then differ in size. With fewer
    studies than bins each study is its own bin.

    Args:
        y: ``(n,)`` 1 or 0.
        p: ``(n,)`` in [0, 1].
        bins: at most.

    >>> bin_by_mass([1, 0, 1, 0], [0.75, 0.25, 0.75, 0.25], bins=2).error  # |.75 - 1|/2 + |.25 - 0|/2
    0.25
    """
    target, probs = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    rank = np.searchsorted(np.sort(probs), probs)  # of the first equal probability
    place = rank * bins // max(len(probs), 1)
    counts = np.bincount(place, minlength=bins)
    held = counts > 0
    sums = (np.bincount(place, weights=values, minlength=bins)[held] for values in (probs, target))
    said, came_true = (values / counts[held] for values in sums)
    return Bins(counts[held], said, came_true)
