"""The curves of a finished run, from its predictions alone."""

import numpy as np
import pandas as pd

from cxr_xai.experiments.summary import widen
from cxr_xai.findings import FINDINGS
from cxr_xai.loggers.charts import Chart, Kind, Row
from cxr_xai.metrics.columns import Floats, known_columns
from cxr_xai.metrics.curves import precision_recall_curve, roc_curve
from cxr_xai.metrics.reliability import bin_by_mass

TITLES = {"roc": "ROC", "pr": "Precision and recall", "reliability": "Reliability of calibrated probabilities"}


def draw_charts(predictions: pd.DataFrame) -> dict[str, Chart]:
    """Return ROC and precision–recall of val and test, and of test reliability and confusion at the run's thresholds.

    Args:
        predictions: the columns of ``predictions.parquet``.
    """
    charts = {}
    for part in ("test", "val"):
        target, probs, _ = widen(predictions, part)
        columns = known_columns(target, probs)
        curves: dict[Kind, list[Floats]] = {
            "roc": [roc_curve(y, p) for y, p in columns],
            "pr": [precision_recall_curve(y, p) for y, p in columns],
        }
        if part == "test":
            curves["reliability"] = [
                _bins(y, p) for y, p in known_columns(target, widen(predictions, part, "calibrated")[1])
            ]
        for kind, found in curves.items():
            rows: list[Row] = [
                (name, *xy) for name, each in zip(FINDINGS, found, strict=True) for xy in each.round(4).tolist()
            ]
            charts[f"{part}/{kind}"] = Chart(kind, f"{TITLES[kind]}, {part}", rows)
    return charts | count_confusion(predictions[predictions["part"] == "test"])


def _bins(y: Floats, p: Floats) -> Floats:
    found = bin_by_mass(y, p)
    return np.column_stack([found.said, found.came_true])


def count_confusion(test: pd.DataFrame) -> dict[str, Chart]:
    """Return how often present and absent findings are predicted, studies with an unknown label left out."""
    charts = {}
    for name, rows in test[test["target"].isin([0, 1])].groupby("finding"):
        words = {1: str(name), 0: f"no {name}"}
        counts = pd.crosstab(rows["target"], rows["pred"]).reindex(index=[1, 0], columns=[1, 0], fill_value=0)
        cells: list[Row] = [(words[a], words[b], int(counts.at[a, b])) for a in words for b in words]  # type: ignore[arg-type]
        charts[f"confusion/{name}"] = Chart("confusion", f"{name} on test, at the run's threshold", cells)
    return charts
