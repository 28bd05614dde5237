"""What a threshold rule promises, and what takes its place where val has too few positives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.metrics.columns import Floats, has_both, known_columns

PREVALENCE_MATCHED = "prevalence_matched"
"""The rule of findings with too few positives: marked in tables, outside macro F1."""


@dataclass(frozen=True)
class Cut:
    """A finding is predicted at a probability of ``at`` and above.

    Attributes:
        rule: how it was chosen.
        at: in [0, 1], or just above 1 to predict nothing; None where val knows no target.
    """

    rule: str
    at: float | None

    def __post_init__(self) -> None:
        if self.at is not None and not 0 <= self.at <= np.nextafter(1, 2):
            raise UserError(f"found threshold {self.at}; it is a probability")


class Threshold(Protocol):
    """A member of the ``threshold`` group."""

    def choose(self, target: npt.ArrayLike, probs: npt.ArrayLike) -> tuple[Cut, ...]:
        """Choose a cut for each column of ``(N, K)`` targets and probabilities of val, never of test.

        A target that is NaN is unknown and has no say.
        """
        ...


def choose_cuts(
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    choose: Callable[[Floats, Floats], float],
    rule: str,
    min_positives: int,
) -> tuple[Cut, ...]:
    """Choose by the rule where val supports it, otherwise match the prevalence.

    The best F1 or sensitivity of a handful of positives is noise; the number of predictions is not.

    Args:
        target: ``(N, K)`` of val.
        probs: ``(N, K)``.
        choose: ``(n,)`` known targets and probabilities of both kinds → threshold.
        rule: its name.
        min_positives: positives that it needs, beside at least one negative.
    """
    cuts = []
    for y, p in known_columns(target, probs):
        if (y == 1).sum() >= min_positives and has_both(y):
            cuts.append(Cut(rule, choose(y, p)))
        else:
            cuts.append(Cut(PREVALENCE_MATCHED, match_prevalence(y, p) if len(y) else None))
    return tuple(cuts)


def match_prevalence(y: Floats, p: Floats) -> float:
    """Return the threshold whose number of predictions comes nearest the number of positives.

    >>> match_prevalence(np.array([1.0, 0.0, 0.0]), np.array([0.1, 0.9, 0.3]))  # one positive: the highest is predicted
    0.9
    """
    cuts, counts = np.unique(p, return_counts=True)
    cuts = np.append(cuts, np.nextafter(cuts[-1], np.inf))  # the last one predicts nothing
    predicted = np.append(np.cumsum(counts[::-1])[::-1], 0)
    return float(cuts[np.argmin(np.abs(predicted - y.sum()))])
