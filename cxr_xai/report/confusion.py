"""Confusion matrices of the test studies, counted from the predictions."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxr_xai.findings import FINDINGS
from cxr_xai.report.format import is_known


def count_cells(predictions: pd.DataFrame, findings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the confusion matrix of each finding on test, at its threshold from val.

    Args:
        predictions: columns of ``predictions.parquet``.
        findings: rows of the summary, for the thresholds.

    Returns:
        ``finding, threshold, rule``, counts ``tp fp fn tn``, and ``hit`` and ``alarm``, the shares of present and of
        absent that are predicted (None without any).
    """
    test = predictions[(predictions["part"] == "test") & predictions["target"].notna()]
    matrices = []
    for finding in FINDINGS:
        rows = test[test["finding"] == finding]
        if not len(rows) or not is_known(findings[finding]["threshold"]):
            continue
        true, said = rows["target"].to_numpy() == 1, rows["pred"].to_numpy() == 1
        tp, fp = int((true & said).sum()), int((~true & said).sum())
        fn, tn = int((true & ~said).sum()), int((~true & ~said).sum())
        shares = {"hit": tp / (tp + fn) if tp + fn else None, "alarm": fp / (fp + tn) if fp + tn else None}
        entry = findings[finding]
        extra = {"finding": finding, "threshold": entry["threshold"], "rule": entry["threshold_rule"]}
        matrices.append({**extra, "tp": tp, "fp": fp, "fn": fn, "tn": tn, **shares})
    return matrices
