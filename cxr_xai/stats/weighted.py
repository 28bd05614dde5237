"""AUROC and means under many weightings at once: what a bootstrap replicate, a jackknife or a subset needs."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from cxr_xai.stats.weightings import Codes, Floats, Weights, batches, known_scores, ratio, weighted_sums


def _defeats(scores: Floats, rivals: Floats, codes: Codes, patients: int) -> csr_array:
    """Sparse ``(E + 1, P)``: its running sum down to row ``e`` is the weight of the rivals that ``scores[e]`` defeats.

    ``scores`` (``E``, ascending, distinct) defeat lower rivals fully and equal ones by half: a tie puts one half in
    its own row and one half in the next. What lies above the last score lands in row ``E``.
    """
    row = np.searchsorted(scores, rivals)
    tied = np.append(scores, np.nan)[row] == rivals
    weight = np.where(tied, 0.5, 1.0)
    rows = np.concatenate([row, row[tied] + 1])
    return csr_array(
        (np.concatenate([weight, weight[tied]]), (rows, np.concatenate([codes, codes[tied]]))),
        shape=(len(scores) + 1, patients),
    )


def auroc_replicates(
    target: npt.ArrayLike, score: npt.ArrayLike, weights: Weights, codes: Codes | None = None
) -> Floats:
    """Return the weighted AUROC of one finding under many weightings.

    ``Σ_ij w_i w_j ([s_i > s_j] + ½[s_i = s_j]) / (Σ_i w_i Σ_j w_j)`` over positives ``i`` and negatives ``j``: the
    Mann–Whitney statistic. Scores are sorted once; integer weights give exact sums.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown (left out).
        score: ``(N,)`` any real score.
        weights: ``(B, P)`` counts per patient, or ``(B, N)`` per image where ``codes`` is not given.
        codes: ``(N,)`` the column of ``weights`` of each image.

    Returns:
        ``(B,)`` in [0, 1]; NaN where a replicate has no positive or no negative weight.

    Raises:
        UserError: a known target has a score that is not finite.

    >>> auroc_replicates([1, 0, 1, 0], [0.9, 0.1, 0.4, 0.4], np.ones((1, 4))).tolist()  # 3.5 of 4 pairs
    [0.875]
    """
    target, score, known = known_scores(target, score)
    codes = np.arange(len(target)) if codes is None else codes
    positive, negative = known & (target == 1), known & (target == 0)
    # work along the rarer side: swapping the sides and the sign of the scores leaves the AUROC as it is
    few, many, sign = (positive, negative, 1.0) if positive.sum() <= negative.sum() else (negative, positive, -1.0)
    distinct, place = np.unique(sign * score[few], return_inverse=True)
    patients = weights.shape[1]
    winners = csr_array((np.ones(len(place)), (place, codes[few])), shape=(len(distinct), patients))
    rivals = _defeats(distinct, sign * score[many], codes[many], patients)
    sides = {kind: (winners.astype(kind), rivals.astype(kind)) for kind in (np.float32, np.float64)}
    result = np.full(len(weights), np.nan)
    for rows, drawn in batches(weights, len(distinct) + 1, len(target)):
        ours, theirs = sides[drawn.dtype.type]
        won, beaten = ours @ drawn, np.cumsum(theirs @ drawn, axis=0)
        pairs = won.sum(axis=0, dtype=np.float64) * beaten[-1]
        result[rows] = ratio(np.einsum("eb,eb->b", won, beaten[:-1], dtype=np.float64), pairs)
    return result


def mean_replicates(
    values: npt.ArrayLike, groups: npt.ArrayLike, weights: Weights, codes: Codes, n_groups: int
) -> Floats:
    """Return weighted means per group under many weightings, for several columns on the same draws.

    Args:
        values: ``(R, C)``, for instance the IoU of method, prior and ceiling for each boxed pair. A row with NaN in any
            column is left out of all, so that columns stay comparable row by row.
        groups: ``(R,)`` integers in ``[0, n_groups)``, for instance the finding.
        weights: ``(B, P)`` counts per patient.
        codes: ``(R,)`` the column of ``weights`` of each row's patient.
        n_groups: ``F``.

    Returns:
        ``(B, F, C)``; NaN where a replicate has no row of the group.

    >>> weights, codes = np.array([[1, 1], [0, 2], [0, 0]]), np.array([0, 1])
    >>> mean_replicates([[1.0], [3.0]], [0, 0], weights, codes, n_groups=1).ravel().tolist()
    [2.0, 3.0, nan]
    """
    values, groups = np.asarray(values, dtype=np.float64), np.asarray(groups, dtype=np.int64)
    taken = ~np.isnan(values).any(axis=1)
    columns = np.column_stack([np.where(taken[:, None], values, 0), taken])
    per_patient = np.zeros((weights.shape[1], n_groups, columns.shape[1]))
    np.add.at(per_patient, (codes, groups), columns)
    sums = weighted_sums(per_patient.reshape(len(per_patient), n_groups * columns.shape[1]), weights)
    sums = sums.reshape(len(weights), n_groups, columns.shape[1])
    return ratio(sums[..., :-1], np.broadcast_to(sums[..., -1:], sums[..., :-1].shape))
