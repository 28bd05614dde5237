"""How the epoch was chosen where boxes were set aside for it: the Pareto front, and a sentence."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxr_xai.report.format import number
from cxr_xai.report.results import Results
from cxr_xai.visualization.front import Point, draw_front


def draw_choice(results: Results) -> str:
    """Draw every epoch by AUROC and localization; empty where no selection fold was scored."""
    table = _defined(results)
    if table.empty:
        return ""
    points = [
        Point(float(row["auroc"]), float(row["localization"]), str(row["epoch"]), row["on_front"], row["chosen"])
        for row in table.to_dict("records")
    ]
    alt = "Epochs by macro AUROC on val and localization in the selection fold; pareto.csv has the numbers"
    return draw_front(points, "macro AUROC, val", f"{_measure(results.certificate['boxes'])}, selection fold", alt)


def describe_choice(results: Results) -> str:
    """Say which epoch was chosen by what, and where it lies; empty where no selection fold was scored."""
    table, boxes = _defined(results), results.certificate["boxes"]
    if table.empty or not table["chosen"].any():
        return ""
    chosen = table[table["chosen"]].iloc[0]
    where = f"AUROC {number(chosen['auroc'])} on val, {_measure(boxes)} {number(chosen['localization'])}"
    front = f"{int(table['on_front'].sum())} of {len(table)} epochs lie on the front, where none is better in one "
    if "selected by" in boxes["uses"]:
        by = f"Epoch {int(chosen['epoch'])} was chosen by the largest {boxes['selection_score']} ({where})"
        rests_on = boxes["uses"].partition("selected by (")[2].partition(")")[0]
        return (
            f"{by}. {front}without being worse in the other. The choice rests on {rests_on}, who are in no number here."
        )
    place = "on" if chosen["on_front"] else "off"
    by = f"Epoch {int(chosen['epoch'])} was chosen on val alone ({where}) and lies {place} the front"
    return f"{by}: boxes of the selection fold were watched. {front}without being worse in the other."


def _defined(results: Results) -> pd.DataFrame:
    return results.pareto.dropna(subset=["auroc", "localization"])


def _measure(boxes: Mapping[str, Any]) -> str:
    words: str = boxes["selection_score"]
    return words.rpartition("mean ")[2].partition(" in ")[0]
