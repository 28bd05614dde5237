"""Average precision under many weightings at once."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from cxr_xai.stats.weightings import Codes, Floats, Weights, batches, known_scores, ratio, weighted_sums


def _rows(distinct: npt.NDArray[np.intp], patients: npt.NDArray[np.int64], shape: tuple[int, int]) -> csr_array:
    return csr_array((np.ones(len(distinct)), (distinct, patients)), shape=shape)


def auprc_replicates(
    target: npt.ArrayLike, score: npt.ArrayLike, weights: Weights, codes: Codes | None = None
) -> Floats:
    """Return the weighted average precision ``Σ_t (R_t - R_{t-1}) P_t`` of one finding under many weightings.

    The sum is over distinct scores ``t`` from above, studies of one score taken together, as
    ``sklearn.metrics.average_precision_score`` does; only scores of positives raise the recall ``R``.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown (left out).
        score: ``(N,)`` any real score.
        weights: ``(B, P)`` counts per patient, or ``(B, N)`` per image where ``codes`` is not given.
        codes: ``(N,)`` the column of ``weights`` of each image.

    Returns:
        ``(B,)`` in (0, 1]; NaN where a replicate has no positive or no negative weight.

    Raises:
        UserError: a known target has a score that is not finite.

    >>> auprc_replicates([1, 0, 1, 0], [0.9, 0.8, 0.4, 0.1], np.ones((1, 4))).tolist()  # (1/1 + 2/3) / 2
    [0.8333333333333333]
    """
    target, score, known = known_scores(target, score)
    codes = np.arange(len(target)) if codes is None else codes
    positive, negative = known & (target == 1), known & (target == 0)
    distinct, place = np.unique(-score[positive], return_inverse=True)  # from above
    shape = len(distinct), weights.shape[1]
    # a negative lowers the precision from the first positive score on that does not exceed its own
    first = np.searchsorted(distinct, -score[negative])
    alarms = first < len(distinct)  # those below all positives lower nothing
    hits = _rows(place, codes[positive], shape)
    false = _rows(first[alarms], codes[negative][alarms], shape)
    rivals = weighted_sums(negative[:, None].astype(np.float64), weights, codes)[:, 0]
    sides = {kind: (hits.astype(kind), false.astype(kind)) for kind in (np.float32, np.float64)}
    result = np.full(len(weights), np.nan)
    for rows, drawn in batches(weights, len(distinct), len(target)):
        ours, theirs = sides[drawn.dtype.type]
        gained = (ours @ drawn).astype(np.float64)
        found = np.cumsum(gained, axis=0)
        predicted = found + np.cumsum(theirs @ drawn, axis=0)
        precision = np.divide(found, predicted, out=np.zeros_like(found), where=predicted > 0)
        result[rows] = ratio(np.einsum("eb,eb->b", gained, precision), gained.sum(axis=0))
    return np.where(rivals > 0, result, np.nan)
