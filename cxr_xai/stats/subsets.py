"""A metric of several subsets of studies at once: its value, its bootstrap replicates, and itself without each patient.

All subsets are weighted by the same draws of patients, so that one who has studies in two of them is drawn for both,
and differences between subsets are paired wherever patients are shared.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_xai.stats.calibration import ece_replicates
from cxr_xai.stats.jackknife import auroc_jackknife
from cxr_xai.stats.weighted import auroc_replicates
from cxr_xai.stats.weightings import Codes, Floats, Weights, ratio, weighted_sums

Masks = npt.NDArray[np.bool_]


class Subsets(NamedTuple):
    """Columns of numbers of ``M`` subsets.

    Attributes:
        value: ``(M, R)``; NaN where undefined.
        drawn: ``(B, M, R)`` replicates.
        left_out: ``(P, M, R)`` the number without each patient.
    """

    value: Floats
    drawn: Floats
    left_out: Floats


def ratio_subsets(numerator: Floats, denominator: Floats, masks: Masks, codes: Codes, weights: Weights) -> Subsets:
    """Return ``Σ numerator / Σ denominator`` over the studies of each subset: rates, mean errors, mean scores of boxes.

    Args:
        numerator: ``(N, R)``, 0 where the denominator is.
        denominator: ``(N, R)``, 0 or 1: whether a row counts in a column.
        masks: ``(M, N)`` the subsets.
        codes: ``(N,)`` the patient's column in the weights.
        weights: ``(B, P)``.

    >>> x, of = np.array([[1.0], [0.0], [1.0]]), np.ones((3, 1))
    >>> one = ratio_subsets(x, of, np.array([[True, True, False]]), np.array([0, 1, 1]), np.array([[2, 1]]))
    >>> one.value.ravel().tolist(), one.drawn.round(2).ravel().tolist(), one.left_out.ravel().tolist()
    ([0.5], [0.67], [0.0, 1.0])
    """
    patients, columns = weights.shape[1], numerator.shape[1]
    both = np.concatenate([numerator, denominator], axis=1)
    tables = np.zeros((patients, len(masks), 2 * columns))
    for m, mask in enumerate(masks):
        of = codes[mask]
        tables[:, m] = np.stack([np.bincount(of, column, patients) for column in both[mask].T], axis=1)
    total = tables.sum(axis=0)
    drawn = weighted_sums(tables.reshape(patients, -1), weights).reshape(len(weights), len(masks), -1)
    halves = (
        ratio(sums[..., :columns], np.where(np.abs(sums[..., columns:]) < 1e-9, 0, sums[..., columns:]))
        for sums in (total, drawn, total - tables)
    )
    return Subsets(*halves)


def keep_positives(target: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    """Return targets in which other positives are unknown and every negative stays, whatever is known of it.

    So do Oakden-Rayner et al. (2020, ACM CHIL) compare pneumothoraces with and without a drain: a drain hardly ever
    stands in a negative, and often nobody looked for one there.

    Args:
        target: ``(N,)`` or ``(N, K)``, 1 present, 0 absent, NaN unknown.
        kept: ``(N,)`` rows whose positives stay.

    >>> keep_positives(np.array([1.0, 1.0, 0.0]), np.array([True, False, False])).tolist()
    [1.0, nan, 0.0]
    """
    rows = kept.reshape(-1, *[1] * (target.ndim - 1))
    found: Floats = np.where((target == 1) & ~rows, np.nan, target)
    return found


def auroc_subsets(
    target: Floats, score: Floats, masks: Masks, codes: Codes, weights: Weights, all_negatives: bool = False
) -> Subsets:
    """Return the AUROC of each finding within each subset.

    Args:
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown.
        score: ``(N, K)``.
        masks: ``(M, N)`` the subsets.
        codes: ``(N,)`` the patient's column in the weights.
        weights: ``(B, P)``.
        all_negatives: the subset's positives against all negatives, of studies in no subset, too (`keep_positives`).
    """
    patients, findings = weights.shape[1], target.shape[1]
    shape = len(masks), findings
    value, drawn = np.full(shape, np.nan), np.full((len(weights), *shape), np.nan)
    left_out = np.full((patients, *shape), np.nan)
    both = _with_sample(weights)
    for m, mask in enumerate(masks):
        kept = keep_positives(target, mask)
        for k in range(findings):
            y, s = kept[:, k], score[:, k]
            rows = mask | (y == 0) if all_negatives else mask
            of = y[rows], s[rows]
            if (of[0] == 1).any() and (of[0] == 0).any():
                value[m, k], *drawn[:, m, k] = auroc_replicates(*of, both, codes[rows])
                left_out[:, m, k] = auroc_jackknife(*of, codes[rows], patients)
    return Subsets(value, drawn, left_out)


def ece_subsets(target: Floats, probs: Floats, masks: Masks, codes: Codes, weights: Weights) -> Subsets:
    """Return the expected calibration error of each finding within each subset, in 15 bins of the subset's own.

    Noise alone makes it larger in a smaller subset, so that it is for reading and not for testing: ``left_out`` is NaN.
    """
    patients, findings = weights.shape[1], target.shape[1]
    value, drawn = np.full((len(masks), findings), np.nan), np.full((len(weights), len(masks), findings), np.nan)
    both = _with_sample(weights)
    for m, mask in enumerate(masks):
        for k in range(findings):
            value[m, k], *drawn[:, m, k] = ece_replicates(target[mask, k], probs[mask, k], both, codes[mask])
    return Subsets(value, drawn, np.full((patients, len(masks), findings), np.nan))


def _with_sample(weights: Weights) -> Weights:
    """The sample itself, then its replicates."""
    return np.concatenate([np.ones((1, weights.shape[1]), weights.dtype), weights])
