"""How many independent patients stand behind a number of images."""

import numpy as np
import numpy.typing as npt

from cxr_xai.stats.weightings import Codes, Floats


def effective_patients(rows: npt.NDArray[np.bool_], codes: Codes) -> float:
    """Return ``(Σm)² / Σm²`` over patients with ``m`` of the chosen images: as many equal patients say as much.

    Kish's effective sample size (1965) of clusters, as Carter, Schnepel & Steigerwald (2017, Rev. Econ. Stat. 99:698)
    use it for degrees of freedom; images of a patient are taken for copies.

    Args:
        rows: ``(N,)`` the images that count.
        codes: ``(N,)`` patients as integers from 0.

    >>> effective_patients(np.ones(4, bool), np.array([0, 0, 0, 1]))  # 16 / 10
    1.6
    """
    images = np.bincount(codes[rows]).astype(np.float64)
    return float(images.sum() ** 2 / max((images**2).sum(), 1))


def metric_patients(metric: str, target: npt.ArrayLike, codes: Codes) -> Floats:
    """Return ``(K,)`` `effective_patients` of each finding: of known images for Brier and ECE, else of the rarer side.

    >>> metric_patients("auroc", [[1], [0], [0], [1]], np.array([0, 1, 2, 0])).tolist()
    [1.0]
    """
    y = np.asarray(target, dtype=np.float64)
    if metric in ("brier", "ece"):
        return np.array([effective_patients(~np.isnan(column), codes) for column in y.T])
    return np.array([min(effective_patients(column == side, codes) for side in (0, 1)) for column in y.T])


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
