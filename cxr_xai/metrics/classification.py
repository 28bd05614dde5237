"""Classification metrics per finding, with undefined values as NaN and thresholds that come from val.

Throughout: ``target`` is ``(N, K)`` with 1 present, 0 absent, NaN unknown (left out of that finding); ``probs`` is
``(N, K)`` in [0, 1]; thresholds are ``(K,)`` and a finding is predicted where ``probs >= threshold``.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.columns import Floats, has_both, per_finding
from cxr_xai.metrics.reliability import bin_by_mass
from cxr_xai.metrics.thresholds.contract import PREVALENCE_MATCHED


def auroc(target: npt.ArrayLike, probs: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` area under the ROC curve; NaN for a finding without positives or without negatives.

    >>> auroc([[1, 1], [0, 1]], [[0.9, 0.2], [0.3, 0.4]]).tolist()
    [1.0, nan]
    """
    return per_finding(target, probs, lambda y, p: float(roc_auc_score(y, p)) if has_both(y) else np.nan)


def auprc(target: npt.ArrayLike, probs: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` average precision ``Σ (R_n - R_{n-1}) P_n``; NaN without positives or without negatives.

    A random score reaches the `prevalence`, so the two are read together.
    """
    return per_finding(target, probs, lambda y, p: float(average_precision_score(y, p)) if has_both(y) else np.nan)


def prevalence(target: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` share of positives among known targets; NaN where none is known.

    >>> prevalence([[1, np.nan], [0, np.nan]]).tolist()
    [0.5, nan]
    """
    return per_finding(target, np.zeros(np.shape(target)), lambda y, _: float(y.mean()))


def all_negative_accuracy(target: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` accuracy of never predicting the finding, ``1 - prevalence``; accuracy is read beside it."""
    return 1 - prevalence(target)


def brier(target: npt.ArrayLike, probs: npt.ArrayLike) -> Floats:
    """Return ``(K,)`` mean of ``(p - y)²``, in [0, 1]; NaN where no target is known.

    >>> brier([[1], [0]], [[0.5], [0.0]]).tolist()
    [0.125]
    """
    return per_finding(target, probs, lambda y, p: float(np.mean((p - y) ** 2)))


def ece(target: npt.ArrayLike, probs: npt.ArrayLike, bins: int = 15) -> Floats:
    """Return ``(K,)`` expected calibration error ``Σ_b n_b/N · |mean p - mean y|`` over bins of equal mass.

    Equal probabilities share a bin. With fewer studies than bins each study is its own bin.

    >>> ece([[1], [0], [1], [0]], [[0.9], [0.2], [0.9], [0.2]], bins=2).tolist()  # |0.9 - 1|/2 + |0.2 - 0|/2
    [0.15]
    """
    return per_finding(target, probs, lambda y, p: bin_by_mass(y, p, bins).error)


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
    calibrated: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    rules: Sequence[str],
    findings: Sequence[str] = FINDINGS,
) -> pd.DataFrame:
    """Return every metric of every finding.

    Args:
        target: ``(N, K)``.
        probs: ``(N, K)`` as they come: what ranking is judged on.
        calibrated: ``(N, K)`` after calibration on val: what is decided on.
        thresholds: ``(K,)`` of the calibrated ones, from val.
        rules: their rules.
        findings: names of the ``K`` columns.

    Returns:
        One row per finding; columns ``positives negatives prevalence auroc auprc brier ece brier_calibrated
        ece_calibrated f1 precision recall specificity accuracy all_negative_accuracy threshold threshold_rule``.

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
    columns |= {f"{metric.__name__}_calibrated": metric(y, calibrated) for metric in (brier, ece)}
    at_threshold = (f1, precision, recall, specificity, accuracy)
    columns |= {metric.__name__: metric(y, calibrated, thresholds) for metric in at_threshold}
    columns |= {
        "all_negative_accuracy": all_negative_accuracy(y),
        "threshold": np.asarray(thresholds, dtype=np.float64),
        "threshold_rule": list(rules),
    }
    return pd.DataFrame(columns, index=pd.Index(findings, name="finding"))


def macro_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the macro mean of every metric of a `classification_table`, or of one with more columns.

    Macro F1 leaves out findings whose threshold was matched to the prevalence, for want of positives in val; every
    other mean is over the findings where it is defined. A finding without positives, or without negatives, is in none.

    Returns:
        One row per metric; columns ``mean`` and ``over`` (the number of findings).
    """
    metrics = table.select_dtypes("number").drop(columns=["positives", "negatives", "threshold"])
    metrics["f1"] = metrics["f1"].where(table["threshold_rule"] != PREVALENCE_MATCHED)
    metrics = metrics.where((table["positives"] > 0) & (table["negatives"] > 0))
    means = {str(name): macro_mean(column) for name, column in metrics.items()}
    return pd.DataFrame.from_dict(means, orient="index", columns=["mean", "over"])
