"""Exact bounds at 0 and 1, where every replicate agrees and a bootstrap would claim to know for certain.

For a score in [0, 1] with mean ``μ``, ``P(score = 1) ≤ μ``. If ``n`` independent units all scored 1, ``μ`` is thus not
rejected at ``α/2`` while ``μⁿ ≥ α/2``: the lower bound is ``(α/2)^(1/n)``, the end of the Clopper–Pearson interval
(Hanley & Lippman-Hand 1983, JAMA 249:1743, "If nothing goes wrong, is everything all right?"). Korn & Graubard (1998,
Survey Methodology 24:193) put the effective sample size ``n / design effect`` there for clustered data. At the ends the
design effect cannot be estimated (no variance), so it takes its largest value, images of a patient being copies of one
another: ``n`` counts patients. The bound is conservative, never too short.

An AUROC of 1 says that all pairs of a positive and a negative are in order. Pairs share patients; the independent ones
among them are pairs of disjoint patients, and there are `pair_units` of them, so ``P(AUROC = 1) ≤ θⁿ`` with that ``n``.
(Obuchowski & Lieber 1998, Acad. Radiol. 5:561, found the usual intervals too short near 1 and bounded the area there by
an exact rule.)
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def exact_ends(value: npt.ArrayLike, units: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the two-sided Clopper–Pearson ends for values of exactly 0 or 1.

    Args:
        value: ``(…)`` 0 or 1; elsewhere the ends are NaN.
        units: ``(…)`` independent units, ``n``; NaN ends where there is none.
        level: coverage held at least, in (0, 1).

    Returns:
        low ``(α/2)^(1/n)`` and 1 at a value of 1; 0 and ``1 - (α/2)^(1/n)`` at a value of 0.

    >>> [round(float(end), 4) for end in exact_ends(0.0, 10)]
    [0.0, 0.3085]
    """
    value, n = np.broadcast_arrays(np.asarray(value, dtype=np.float64), np.asarray(units, dtype=np.float64))
    reach = ((1 - level) / 2) ** np.divide(1, n, out=np.full(n.shape, np.nan), where=n > 0)
    known = n > 0
    low = np.where(value == 1, reach, np.where((value == 0) & known, 0.0, np.nan))
    high = np.where(value == 0, 1 - reach, np.where((value == 1) & known, 1.0, np.nan))
    return low, high


def pair_units(target: npt.ArrayLike, codes: Codes) -> int:
    """Return the largest number of disjoint pairs of a patient with a positive and another with a negative image.

    With ``a`` patients of positives only, ``b`` of negatives only and ``c`` of both it is
    ``min(a + c, b + c, ⌊(a + b + c) / 2⌋)``: a patient of both kinds serves once.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown.
        codes: ``(N,)`` patients as integers from 0.

    >>> pair_units([1, 1, 0, 0, 1], np.array([0, 0, 1, 2, 2]))
    1
    """
    y = np.asarray(target, dtype=np.float64)
    positive, negative = (np.bincount(codes, y == side) > 0 for side in (1, 0))
    known = int((positive | negative).sum())
    return min(int(positive.sum()), int(negative.sum()), known // 2)


def end_units(
    metric: str, target: npt.ArrayLike, probs: npt.ArrayLike, codes: Codes, thresholds: npt.ArrayLike | None = None
) -> Codes:
    """Return the independent units behind a metric of each finding, for its exact bound at 0 or 1.

    - ``auroc``: `pair_units`. ``auprc`` too: the share of positives above all negatives seen is no more than it.
    - ``f1``: half the patients with a positive or predicted image. With ``J = TP / (TP + FP + FN)``, a share of those,
      ``F1 = 2J / (1 + J)``, and the bound of F1 on half of ``n`` contains the one that ``J`` has on ``n``.
    - others: patients with a known target.

    Args:
        metric: ``auroc auprc f1 brier ece``.
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown.
        probs: ``(N, K)``.
        codes: ``(N,)`` patients as integers from 0.
        thresholds: ``(K,)``, for ``f1`` alone.

    Returns:
        ``(K,)``.

    >>> end_units("brier", [[1, 0], [np.nan, 1], [0, 1]], np.zeros((3, 2)), np.array([0, 1, 1])).tolist()
    [2, 2]
    """
    y = np.asarray(target, dtype=np.float64)
    if metric in ("auroc", "auprc"):
        return np.array([pair_units(column, codes) for column in y.T], dtype=np.int64)
    known, share = ~np.isnan(y), 1
    if metric == "f1":
        cuts = np.asarray(thresholds, dtype=np.float64)
        known, share = known & ((y == 1) | (np.asarray(probs, dtype=np.float64) >= cuts)), 2
    return np.array([len(np.unique(codes[rows])) // share for rows in known.T], dtype=np.int64)
