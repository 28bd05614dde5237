"""Classification metrics per finding, with undefined values as NaN and thresholds that come from val.

Throughout: ``target`` is ``(N, K)`` with 1 present, 0 absent, NaN unknown (left out of that finding); ``probs`` is
``(N, K)`` in [0, 1]; thresholds are ``(K,)`` and a finding is predicted where ``probs >= threshold``.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

Floats = npt.NDArray[np.float64]

VAL_F1 = "val_f1"
PREVALENCE_MATCHED = "prevalence_matched"


def _per_finding(target: npt.ArrayLike, probs: npt.ArrayLike, metric: Callable[[Floats, Floats], float]) -> Floats:
    """Apply a metric to the known targets of each finding, NaN where none is known."""
    y, p = np.asarray(target, dtype=np.float64), np.asarray(probs, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 2:
        raise UserError(f"found target of shape {y.shape} and probs of shape {p.shape}; both must be (N, K)")
    known = ~np.isnan(y)
    if not np.isfinite(p[known]).all():
        bad = np.flatnonzero((known & ~np.isfinite(p)).any(axis=0)).tolist()
        raise UserError(f"found probs that are not finite in columns {bad}; check the predictions of this run")
    columns = [(y[k, j], p[k, j]) for j, k in enumerate(known.T)]
    return np.array([metric(a, b) if len(a) else np.nan for a, b in columns], dtype=np.float64)


def _has_both(y: Floats) -> bool:
    return bool((y == 1).any() and (y == 0).any())


def auroc(target: npt.ArrayLike, probs: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` area under the ROC curve; NaN for a finding without positives or without negatives.

    >>> auroc([[1, 1], [0, 1]], [[0.9, 0.2], [0.3, 0.4]]).tolist()
    [1.0, nan]
    """
    return _per_finding(target, probs, lambda y, p: float(roc_auc_score(y, p)) if _has_both(y) else np.nan)


def auprc(target: npt.ArrayLike, probs: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` average precision ``Σ (R_n - R_{n-1}) P_n``; NaN without positives or without negatives.

    A random score reaches the `prevalence`, so the two are read together.
    """
    return _per_finding(target, probs, lambda y, p: float(average_precision_score(y, p)) if _has_both(y) else np.nan)


def prevalence(target: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` share of positives among known targets; NaN where none is known.

    >>> prevalence([[1, np.nan], [0, np.nan]]).tolist()
    [0.5, nan]
    """
    return _per_finding(target, np.zeros(np.shape(target)), lambda y, _: float(y.mean()))


def all_negative_accuracy(target: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` accuracy of never predicting the finding, ``1 - prevalence``; accuracy is read beside it."""
    return 1 - prevalence(target)


def brier(target: npt.ArrayLike, probs: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` mean of ``(p - y)²``, in [0, 1]; NaN where no target is known.

    >>> brier([[1], [0]], [[0.5], [0.0]]).tolist()
    [0.125]
    """
    return _per_finding(target, probs, lambda y, p: float(np.mean((p - y) ** 2)))


def _ece(y: Floats, p: Floats, bins: int) -> float:
    # rank of the first equal probability: ties share a bin, so that the order of studies does not matter
    rank = np.searchsorted(np.sort(p), p)
    place = rank * bins // len(p)
    gap = np.bincount(place, weights=p - y, minlength=bins)
    return float(np.abs(gap).sum() / len(p))


def ece(target: npt.ArrayLike, probs: npt.ArrayLike, bins: int = 15) -> Floats:
    """Return ``(K,)`` expected calibration error ``Σ_b n_b/N · |mean p - mean y|`` over bins of equal mass.

    Equal probabilities share a bin. With fewer studies than bins each study is its own bin.

    >>> ece([[1], [0], [1], [0]], [[0.9], [0.2], [0.9], [0.2]], bins=2).tolist()  # |0.9 - 1|/2 + |0.2 - 0|/2
    [0.15]
    """
    return _per_finding(target, probs, lambda y, p: _ece(y, p, bins))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    share: Floats = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
    return share


def confusion(target: npt.ArrayLike, probs: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """Return ``(4, K)`` counts of true positives, false positives, false negatives, true negatives.

    All four are NaN for a finding whose threshold is NaN.

    >>> confusion([[1], [0], [np.nan]], [[0.5], [0.5], [0.5]], [0.5]).ravel().tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    y, cut = np.asarray(target, dtype=np.float64), np.asarray(thresholds, dtype=np.float64)
    predicted = np.asarray(probs, dtype=np.float64) >= cut
    cells = (predicted & (y == 1), predicted & (y == 0), ~predicted & (y == 1), ~predicted & (y == 0))
    counts = np.stack([cell.sum(axis=0) for cell in cells]).astype(np.float64)
    return np.where(np.isnan(cut), np.nan, counts)


def f1(target: npt.ArrayLike, probs: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` ``2TP / (2TP + FP + FN)``; NaN where nothing is positive and nothing predicted."""
    tp, fp, fn, _ = confusion(target, probs, thresholds)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def precision(target: npt.ArrayLike, probs: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` ``TP / (TP + FP)``; NaN where nothing is predicted."""
    tp, fp, _, _ = confusion(target, probs, thresholds)
    return _ratio(tp, tp + fp)


def recall(target: npt.ArrayLike, probs: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` ``TP / (TP + FN)`` (sensitivity); NaN where nothing is positive."""
    tp, _, fn, _ = confusion(target, probs, thresholds)
    return _ratio(tp, tp + fn)


def specificity(target: npt.ArrayLike, probs: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` ``TN / (TN + FP)``; NaN where nothing is negative."""
    _, fp, _, tn = confusion(target, probs, thresholds)
    return _ratio(tn, tn + fp)


def accuracy(target: npt.ArrayLike, probs: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` ``(TP + TN) / N``; NaN where no target is known. Read it beside `all_negative_accuracy`."""
    tp, fp, fn, tn = confusion(target, probs, thresholds)
    return _ratio(tp + tn, tp + fp + fn + tn)


def _f1_threshold(y: Floats, p: Floats) -> float:
    precisions, recalls, cuts = precision_recall_curve(y, p)
    total = precisions + recalls
    scores = np.divide(2 * precisions * recalls, total, out=np.zeros_like(total), where=total > 0)[:-1]
    # of equally good cuts the highest: the fewest predictions
    return float(cuts[len(scores) - 1 - np.argmax(scores[::-1])])


def _matched_threshold(y: Floats, p: Floats) -> float:
    cuts, counts = np.unique(p, return_counts=True)
    cuts = np.append(cuts, np.nextafter(cuts[-1], np.inf))  # the last one predicts nothing
    predicted = np.append(np.cumsum(counts[::-1])[::-1], 0)
    return float(cuts[np.argmin(np.abs(predicted - y.sum()))])


def choose_thresholds(
    target_val: npt.ArrayLike, probs_val: npt.ArrayLike, min_positives: int = 50
) -> tuple[Floats, list[str]]:
    """Choose a threshold per finding on val.

    With at least ``min_positives`` positives (and a negative) the one with the best F1 (the highest of several), rule
    ``val_f1``; otherwise, as the best F1 of so few is noise, the one whose predicted positive rate comes nearest the
    prevalence, rule ``prevalence_matched``.

    Args:
        target_val: ``(N, K)`` of val, never of test.
        probs_val: ``(N, K)``.
        min_positives: known positives needed for the F1 rule.

    Returns:
        ``(K,)`` thresholds (NaN where no target is known) and the rule of each.

    >>> choose_thresholds([[1], [0], [1]], [[0.8], [0.5], [0.6]], min_positives=2)
    (array([0.6]), ['val_f1'])
    """
    y = np.asarray(target_val, dtype=np.float64)
    enough = ((y == 1).sum(axis=0) >= max(min_positives, 1)) & (y == 0).any(axis=0)
    best, matched = (_per_finding(y, probs_val, rule) for rule in (_f1_or_nan, _matched_threshold))
    return np.where(enough, best, matched), [VAL_F1 if e else PREVALENCE_MATCHED for e in enough]


def _f1_or_nan(y: Floats, p: Floats) -> float:
    return _f1_threshold(y, p) if _has_both(y) else np.nan


def macro_mean(values: npt.ArrayLike) -> tuple[float, int]:
    """Return the mean of the defined values and over how many it was taken; the mean of none is NaN.

    >>> macro_mean([0.5, np.nan, 0.7])
    (0.6, 2)
    """
    defined = np.asarray(values, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    return (float(defined.mean()) if len(defined) else float("nan")), len(defined)


def classification_table(
    target: npt.ArrayLike,
    probs: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    rules: Sequence[str],
    findings: Sequence[str] = FINDINGS,
) -> pd.DataFrame:
    """Return every metric of every finding.

    Args:
        target: ``(N, K)``.
        probs: ``(N, K)``.
        thresholds: ``(K,)`` from `choose_thresholds` on val.
        rules: their rules.
        findings: names of the ``K`` columns.

    Returns:
        One row per finding; columns ``positives negatives prevalence auroc auprc brier ece f1 precision recall
        specificity accuracy all_negative_accuracy threshold threshold_rule``.

    Raises:
        UserError: shapes disagree, or probabilities are not finite.
    """
    y = np.asarray(target, dtype=np.float64)
    if not y.shape[-1] == len(findings) == len(rules) == np.size(thresholds):
        raise UserError(
            f"found {y.shape[-1]} columns, {len(findings)} findings, {np.size(thresholds)} thresholds and {len(rules)} "
            "rules; give one of each per finding"
        )
    columns: dict[str, object] = {
        "positives": (y == 1).sum(axis=0),
        "negatives": (y == 0).sum(axis=0),
        "prevalence": prevalence(y),
    }
    columns |= {metric.__name__: metric(y, probs) for metric in (auroc, auprc, brier, ece)}
    at_threshold = (f1, precision, recall, specificity, accuracy)
    columns |= {metric.__name__: metric(y, probs, thresholds) for metric in at_threshold}
    columns |= {
        "all_negative_accuracy": all_negative_accuracy(y),
        "threshold": np.asarray(thresholds, dtype=np.float64),
        "threshold_rule": list(rules),
    }
    return pd.DataFrame(columns, index=pd.Index(findings, name="finding"))


def macro_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the macro mean of every metric of a `classification_table`.

    Macro F1 is over findings with rule ``val_f1`` only; every other mean over the findings where it is defined.

    Returns:
        One row per metric; columns ``mean`` and ``over`` (the number of findings).
    """
    counts = ("positives", "negatives", "threshold", "threshold_rule")
    means = {
        metric: macro_mean(table[metric].where(table["threshold_rule"] == VAL_F1) if metric == "f1" else table[metric])
        for metric in table.columns
        if metric not in counts
    }
    return pd.DataFrame.from_dict(means, orient="index", columns=["mean", "over"])
