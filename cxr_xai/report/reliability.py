"""Probabilities before and after calibration, as pictures."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.reliability import Bins, bin_by_mass
from cxr_xai.metrics.thresholds.contract import PREVALENCE_MATCHED
from cxr_xai.report.format import name
from cxr_xai.visualization.reliability import Dots, draw_reliability

RULES = {
    "val_f1": "the best F1",
    "val_youden": "the best sum of sensitivity and specificity",
    "val_sensitivity": "a fixed sensitivity",
}


def draw_reliabilities(predictions: pd.DataFrame) -> list[dict[str, str]]:
    """Draw test studies before and after calibration, for each finding with a known target.

    Args:
        predictions: columns of ``predictions.parquet``.

    Returns:
        ``finding``, its ``figure``, and its ``bins`` in words.
    """
    test = predictions[(predictions["part"] == "test") & predictions["target"].notna()]
    figures = []
    for finding in FINDINGS:
        rows = test[test["finding"] == finding]
        if len(rows):
            before, after = (bin_by_mass(rows["target"], rows[column]) for column in ("prob", "calibrated"))
            dots = [make_dots("other", "as it comes", before), make_dots("dot", "calibrated", after)]
            figure = draw_reliability(dots, f"{name(finding)}: share that came true against probability, on test")
            figures.append({"finding": finding, "figure": figure, "bins": describe_bins(after)})
    return figures


def make_dots(mark: str, label: str, bins: Bins) -> Dots:
    """Return the dots of one probability."""
    return Dots(mark, label, bins.said.tolist(), bins.came_true.tolist(), bins.counts.tolist())


def describe_bins(bins: Bins) -> str:
    """Return how many bins there are, and of how many studies.

    >>> describe_bins(bin_by_mass([0, 1, 1], [0.1, 0.2, 0.3], bins=2))
    '2 bins of 1 to 2 studies'
    """
    fewest, most = int(bins.counts.min()), int(bins.counts.max())
    of = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"{len(bins.counts)} bin{'s' if len(bins.counts) > 1 else ''} of {of} studies"


def describe_rule(findings: Mapping[str, Any], source: str) -> str:
    """Return what thresholds were chosen for, in words; where no finding had the positives, what was asked for.

    >>> describe_rule({"Mass": {"threshold_rule": "val_youden"}}, "youden on val")
    'the best sum of sensitivity and specificity'
    >>> describe_rule({"Hernia": {"threshold_rule": "prevalence_matched"}}, "f1 on val")
    'the best F1'
    """
    rules = {row["threshold_rule"] for row in findings.values()} - {PREVALENCE_MATCHED}
    rules = rules or {f"val_{source.partition(' ')[0]}"}
    return " and ".join(RULES.get(rule, rule) for rule in sorted(rules))
