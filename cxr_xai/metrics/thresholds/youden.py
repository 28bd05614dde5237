"""The threshold with the best sum of sensitivity and specificity."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from cxr_xai.metrics.columns import Floats
from cxr_xai.metrics.thresholds.contract import Cut, choose_cuts


def best_youden(y: Floats, p: Floats) -> float:
    """Return the probability at which ``sensitivity + specificity - 1`` is best; of several the highest.

    >>> best_youden(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.8, 0.6, 0.5, 0.1]))  # 1/2 at .8 and at .5
    0.8
    """
    alarms, hits, cuts = roc_curve(y, p, drop_intermediate=False)
    gains = np.round(hits - alarms, 12)[1:]  # equal sums must not differ by rounding
    return float(cuts[1:][np.argmax(gains)])  # the first cut is infinite


@dataclass(frozen=True)
class Youden:
    """Rule ``val_youden`` (Youden 1950): present and absent weigh alike, however rare the finding.

    Attributes:
        min_positives: in val; below it the threshold is matched to the prevalence.
    """

    min_positives: int = 50

    def choose(self, target: npt.ArrayLike, probs: npt.ArrayLike) -> tuple[Cut, ...]:
        """Choose a cut for each column."""
        return choose_cuts(target, probs, best_youden, "val_youden", self.min_positives)
