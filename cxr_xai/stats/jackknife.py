"""What a statistic is without each patient in turn: the skew that BCa corrects for."""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from cxr_xai.stats.weightings import Codes, Floats, Statistic, known_scores, ratio

_AT_ONCE = 512  # left-out patients whose weights stand in memory together


def leave_one_out(statistic: Statistic, patients: int) -> Floats:
    """Return ``(P, …)`` the statistic with each patient's weight 0 and all others' 1.

    Args:
        statistic: ``(B, P)`` weights to ``(B, …)``.
        patients: ``P``.

    >>> leave_one_out(lambda w: w @ np.array([1.0, 2.0, 4.0]), 3).tolist()
    [6.0, 5.0, 3.0]
    """
    parts = []
    for start in range(0, patients, _AT_ONCE):
        left = np.arange(start, min(start + _AT_ONCE, patients))
        weights = np.ones((len(left), patients), dtype=np.uint8)
        weights[np.arange(len(left)), left] = 0
        parts.append(statistic(weights))
    return np.concatenate(parts)


def auroc_jackknife(target: npt.ArrayLike, score: npt.ArrayLike, codes: Codes, patients: int) -> Floats:
    """Return the AUROC of one finding without each patient, in closed form.

    With ``W`` the pairs won, a patient takes along those of his positives against all negatives and those of all
    positives against his negatives (both from midranks), less the pairs within himself, which were counted twice.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown (left out).
        score: ``(N,)`` any real score.
        codes: ``(N,)`` patients in ``[0, patients)``.
        patients: ``P``.

    Returns:
        ``(P,)``; NaN where no positive or no negative is left.

    >>> auroc_jackknife([1, 0, 1, 0], [0.9, 0.1, 0.4, 0.5], np.array([0, 1, 2, 2]), 3).tolist()
    [0.5, 0.5, 1.0]
    """
    y, s, known = known_scores(target, score)
    y, s, codes = y[known], s[known], codes[known]
    positive = y == 1
    ranks, above, below = rankdata(s), rankdata(s[positive]), rankdata(s[~positive])
    pairs_won = np.empty(len(s))  # by a positive over negatives, or by positives over a negative
    pairs_won[positive] = ranks[positive] - above
    pairs_won[~positive] = positive.sum() - (ranks[~positive] - below)
    within = np.bincount(codes, _won_within(positive, s, codes), patients)
    n_pos, n_neg = np.bincount(codes, positive, patients), np.bincount(codes, ~positive, patients)
    won = pairs_won[positive].sum() - np.bincount(codes, pairs_won, patients) + within
    return ratio(won, (n_pos.sum() - n_pos) * (n_neg.sum() - n_neg))


def _won_within(positive: npt.NDArray[np.bool_], score: Floats, codes: Codes) -> Floats:
    """Return what each positive wins over the negatives of his own patient; 0 for negatives."""
    _, rank_of_score = np.unique(score, return_inverse=True)
    key = codes * (len(score) + 1) + rank_of_score  # ordered by patient, then score; ties stay ties
    won = np.zeros(len(score))
    among_all, among_positives = rankdata(key), rankdata(key[positive])
    before = np.concatenate([[0], np.cumsum(np.bincount(codes, ~positive))])[codes]  # negatives of patients before
    won[positive] = among_all[positive] - among_positives - before[positive]
    return won
