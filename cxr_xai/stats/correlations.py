"""Correlations as functions of patient weights: of columns with each other, and of two quantities within strata."""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from cxr_xai.stats.bootstrap import draw_patient_counts
from cxr_xai.stats.weightings import Codes, Floats, Statistic, Weights, weighted_sums

_PAIRS = ((1, 1), (2, 2), (1, 2))


def column_correlations(table: npt.ArrayLike, codes: Codes) -> Statistic:
    """Return Pearson's correlation of every pair of columns as a function of patient weights.

    Args:
        table: ``(N, K)``, no NaN.
        codes: ``(N,)`` the patient's column in the weights.

    Returns:
        ``(B, P)`` weights to ``(B, K, K)``; NaN where a column does not vary.

    >>> statistic = column_correlations([[1.0, 2.0], [2.0, 4.0], [3.0, 5.0]], np.arange(3))
    >>> statistic(np.ones((1, 3)))[0].round(3).tolist()
    [[1.0, 0.982], [0.982, 1.0]]
    """
    x = np.asarray(table, np.float64)
    x = x - x.mean(axis=0)
    rows, columns = np.triu_indices(x.shape[1])
    terms = np.column_stack([np.ones(len(x)), x, x[:, rows] * x[:, columns]])

    def statistic(weights: Weights) -> Floats:
        sums = weighted_sums(terms, weights, codes)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums[:, 1:] / sums[:, :1]
            first, products = means[:, : x.shape[1]], means[:, x.shape[1] :]
            covariance = np.empty((len(weights), x.shape[1], x.shape[1]))
            covariance[:, rows, columns] = products - first[:, rows] * first[:, columns]
            covariance[:, columns, rows] = covariance[:, rows, columns]
            spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
            spread[spread < 1e-12] = np.nan
            result: Floats = covariance / (spread[:, :, None] * spread[:, None, :])
        return result

    return statistic


def column_lifts(table: npt.ArrayLike, codes: Codes) -> Statistic:
    """Return ``P(a and b) / (P(a) P(b))`` of every pair of columns as a function of patient weights.

    Args:
        table: ``(N, K)`` 0 or 1, no NaN.
        codes: ``(N,)`` the patient's column in the weights.

    Returns:
        ``(B, P)`` weights to ``(B, K, K)``: 1 where two columns are independent; NaN where one of them has no 1.

    >>> column_lifts([[1, 1], [0, 0], [0, 1], [0, 0]], np.arange(4))(np.ones((1, 4)))[0, 0, 1].item()
    2.0
    """
    x = np.asarray(table, np.float64)
    rows, columns = np.triu_indices(x.shape[1])
    terms = np.column_stack([np.ones(len(x)), x, x[:, rows] * x[:, columns]])

    def statistic(weights: Weights) -> Floats:
        sums = weighted_sums(terms, weights, codes)
        single, both = sums[:, 1 : x.shape[1] + 1], sums[:, x.shape[1] + 1 :]
        result: Floats = np.full((len(weights), x.shape[1], x.shape[1]), np.nan)
        chance = single[:, rows] * single[:, columns] / np.maximum(sums[:, :1], 1e-12)
        lift = np.divide(both, chance, out=np.full(both.shape, np.nan), where=chance > 0)
        result[:, rows, columns] = result[:, columns, rows] = lift
        return result

    return statistic


def partial_spearman(x: npt.ArrayLike, y: npt.ArrayLike, strata: npt.ArrayLike, codes: Codes) -> Statistic:
    """Return the rank correlation of two quantities within strata as a function of patient weights.

    Both are ranked within each stratum (ranks over its size, ties at their mean), and the covariances of the ranks are
    added over strata: ``Σ_s W_s cov_s(x, y) / √(Σ_s W_s var_s(x) · Σ_s W_s var_s(y))``, with ``W_s`` the weight of the
    stratum. What differs between strata cannot make a correlation. Ranks are those of the sample in every replicate.

    Args:
        x: ``(N,)``; a row with NaN in either is left out.
        y: ``(N,)``.
        strata: ``(N,)`` integers from 0, for instance finding × view.
        codes: ``(N,)`` the patient's column in the weights.

    Returns:
        ``(B, P)`` weights to ``(B, 1)`` in [-1, 1]; NaN where nothing varies within strata.

    >>> x, y, strata = [1, 2, 3, 11, 12, 13], [3, 2, 1, 13, 12, 11], [0, 0, 0, 1, 1, 1]  # +.83 over all
    >>> partial_spearman(x, y, strata, np.arange(6))(np.ones((1, 6))).round(3).tolist()
    [[-1.0]]
    """
    values = np.column_stack([np.asarray(one, np.float64) for one in (x, y)])
    kept = np.isfinite(values).all(axis=1)
    values, groups, who = values[kept], np.unique(np.asarray(strata)[kept], return_inverse=True)[1], codes[kept]
    ranks = np.zeros_like(values)
    for group in range(int(groups.max(initial=-1)) + 1):
        rows = groups == group
        ranks[rows] = rankdata(values[rows], axis=0) / rows.sum() - 0.5
    a, b = ranks.T
    count = int(groups.max(initial=-1)) + 1
    terms = np.column_stack([np.ones(len(a)), a, b, a * a, b * b, a * b])
    table = np.zeros((len(a), count, terms.shape[1]))
    table[np.arange(len(a)), groups] = terms

    def statistic(weights: Weights) -> Floats:
        sums = weighted_sums(table.reshape(len(a), count * terms.shape[1]), weights, who)
        sums = sums.reshape(len(weights), count, terms.shape[1])
        weight = np.where(sums[..., 0] > 0, sums[..., 0], 1)
        spread = [sums[..., 3 + k] - sums[..., i] * sums[..., j] / weight for k, (i, j) in enumerate(_PAIRS)]
        xx, yy, xy = (part.sum(axis=1) for part in spread)
        scale = np.sqrt(np.maximum(xx, 0) * np.maximum(yy, 0))
        scale[scale < 1e-12] = np.nan
        result: Floats = (xy / scale)[:, None]
        return result

    return statistic


def stratified_difference(
    values: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, strata: npt.ArrayLike, codes: Codes
) -> Statistic:
    """Return means of two groups and their difference within strata as a function of patient weights.

    Strata are weighted by ``a b / (a + b)``, with ``a`` and ``b`` the weights of the two groups in them, as a common
    difference is estimated best; the groups' means are averaged with the same weights.

    Args:
        values: ``(N, C)``; a row with NaN is left out.
        first: ``(N,)`` bool.
        second: ``(N,)`` bool.
        strata: ``(N,)`` integers from 0.
        codes: ``(N,)`` the patient's column in the weights.

    Returns:
        ``(B, P)`` weights to ``(B, 3, C)``: mean of the first, of the second, difference; NaN where none has both.

    >>> statistic = stratified_difference([[3.0], [1.0], [9.0]], [1, 0, 1], [0, 1, 0], [0, 0, 1], np.arange(3))
    >>> statistic(np.ones((1, 3)))[0].ravel().tolist()  # the third row has nobody to stand beside
    [3.0, 1.0, 2.0]
    """
    table = np.asarray(values, np.float64)
    sides = np.stack([np.asarray(one, bool) for one in (first, second)])
    kept = np.isfinite(table).all(axis=1) & sides.any(axis=0)
    table, sides, who = table[kept], sides[:, kept], codes[kept]
    groups = np.unique(np.asarray(strata)[kept], return_inverse=True)[1]
    count, columns = int(groups.max(initial=-1)) + 1, table.shape[1]
    terms = np.zeros((len(table), count, 2, columns + 1))
    for side in (0, 1):
        rows = np.flatnonzero(sides[side])
        terms[rows, groups[rows], side] = np.column_stack([table[rows], np.ones(len(rows))])

    def statistic(weights: Weights) -> Floats:
        sums = weighted_sums(terms.reshape(len(table), count * 2 * (columns + 1)), weights, who)
        sums = sums.reshape(len(weights), count, 2, columns + 1)
        size = sums[..., -1]
        both = np.where((size > 0).all(axis=2), size.prod(axis=2) / np.maximum(size.sum(axis=2), 1e-12), 0)
        means = sums[..., :-1] / np.maximum(size, 1e-12)[..., None]
        total = both.sum(axis=1)
        total[total <= 0] = np.nan
        pooled = (means * both[..., None, None]).sum(axis=1) / total[:, None, None]
        return np.concatenate([pooled, pooled[:, :1] - pooled[:, 1:]], axis=1)

    return statistic


def rank_rows(values: npt.ArrayLike) -> Floats:
    """Return ranks along the last axis, centered and scaled to length 1: products of two rows are Spearman's.

    A row without variation, or with a value that is not finite, becomes NaN.

    >>> a, b = rank_rows([[1.0, 2.0, 9.0], [3.0, 2.0, 1.0]])
    >>> round(float(a @ b), 6)
    -1.0
    """
    x = np.asarray(values, np.float64)
    ranks: Floats = np.asarray(rankdata(x, axis=-1), np.float64)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    length[(length < 1e-9) | ~np.isfinite(x).all(axis=-1, keepdims=True)] = np.nan
    result: Floats = ranks / length
    return result


def resample(statistic: Statistic, patients: npt.ArrayLike, replicates: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Return the value of a statistic and its replicates over resampled patients.

    Args:
        statistic: made with codes of ``np.unique(patients, return_inverse=True)``.
        patients: ``(N,)``.
        replicates: ``B``.
        seed: of the draws; the same patients and seed draw the same.
    """
    counts, _ = draw_patient_counts(patients, replicates, seed)
    return statistic(np.ones((1, counts.shape[1])))[0], statistic(counts)
