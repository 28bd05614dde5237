"""The page about a search: its best trials, how it went, and what mattered."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from cxr_xai.files import read_json, whole
from cxr_xai.report.page import HERE, make_environment
from cxr_xai.visualization.bars import Bar, draw_bars
from cxr_xai.visualization.lines import Line, draw_lines
from cxr_xai.visualization.svg import STYLE

SHOWN = 20
"""Trials in the table; ``search.csv`` has all."""
FIXED = ("trial", "state", "value", "epoch", "folder", "reason")
"""Columns of ``search.csv`` that are no setting."""


def write_search_report(folder: Path) -> Path:
    """Write ``report.html`` from ``search.csv`` and ``search.json`` of a folder, and return its path."""
    summary, table = read_json(folder / "search.json"), pd.read_csv(folder / "search.csv")
    page = make_environment().get_template("search.html").render(make_context(folder, summary, table))
    with whole(path := folder / "report.html") as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def make_context(folder: Path, summary: Mapping[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Put together everything the template names."""
    finished = table[table["state"] == "finished"].sort_values(
        ["value", "trial"], ascending=[not summary["larger_is_better"], True]
    )
    return {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "phantom": summary["source"] == "phantom",
        "title": folder.parent.name,
        "summary": summary,
        "states": table["state"].value_counts().to_dict(),
        "settings": [name for name in table.columns if name not in FIXED],
        "best": finished.head(SHOWN).to_dict("records"),
        "failed": table[table["state"] == "failed"].to_dict("records"),
        "course": Markup(draw_course(table, summary["monitor"], summary["larger_is_better"])),
        "importance": Markup(draw_importance(summary["importance"])),
    }


def draw_course(table: pd.DataFrame, monitor: str, largest: bool) -> str:
    """Draw the value of every finished trial and the best so far, in the order in which they were proposed."""
    finished = table[table["state"] == "finished"].sort_values("trial")
    if finished.empty:
        return ""
    best = finished["value"].cummax() if largest else finished["value"].cummin()
    trials = finished["trial"].tolist()
    lines = [Line("best so far", trials, best.tolist()), Line("trial", trials, finished["value"].tolist())]
    return draw_lines(lines, f"{monitor} of every finished trial, and the best so far", axis="trial")


def draw_importance(importance: Mapping[str, float]) -> str:
    """Draw the share that each setting has in the success; nothing where it is unknown."""
    known = {key: share for key, share in importance.items() if math.isfinite(share)}
    rows = [(key.rpartition(".")[2], [Bar(share)], f"{share:.0%}") for key, share in known.items()]
    return draw_bars(rows, ["share"], "Which share of the success each setting explains") if rows else ""
