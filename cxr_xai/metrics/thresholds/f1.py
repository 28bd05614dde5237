"""The threshold with the best F1."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve

from cxr_xai.metrics.columns import Floats
from cxr_xai.metrics.thresholds.contract import Cut, choose_cuts


def best_f1(y: Floats, p: Floats) -> float:
    """Return the probability at which ``2TP / (2TP + FP + FN)`` is best; of several the highest: fewest predictions.

    >>> best_f1(np.array([1.0, 0.0, 1.0]), np.array([0.8, 0.5, 0.6]))
    0.6
    """
    precisions, recalls, cuts = precision_recall_curve(y, p)
    total = precisions + recalls
    scores = np.divide(2 * precisions * recalls, total, out=np.zeros_like(total), where=total > 0)[:-1]
    return float(cuts[len(scores) - 1 - np.argmax(scores[::-1])])


@dataclass(frozen=True)
class BestF1:
    """Rule ``val_f1``.

    Attributes:
        min_positives: in val; below it the threshold is matched to the prevalence.
    """

    min_positives: int = 50

    def choose(self, target: npt.ArrayLike, probs: npt.ArrayLike) -> tuple[Cut, ...]:
        """Choose a cut for each column.

        >>> BestF1(min_positives=2).choose([[1], [0], [1]], [[0.8], [0.5], [0.6]])
        (Cut(rule='val_f1', at=0.6),)
        """
        return choose_cuts(target, probs, best_f1, "val_f1", self.min_positives)
