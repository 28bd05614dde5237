"""The page about maps that any program made: how well they lie in the boxes, beside controls and ceiling."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from cxr_xai.files import whole
from cxr_xai.report.figures import draw_found
from cxr_xai.report.judged import describe_judge
from cxr_xai.report.page import HERE, NAMES, make_environment
from cxr_xai.report.panels import to_records
from cxr_xai.visualization.svg import STYLE

LEVELS = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7")
ROWS = 50
"""Problems on the page; the CSV beside it holds all."""


def write_scored_report(path: Path, summary: Mapping[str, Any], table: pd.DataFrame) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        summary: of the scored maps.
        table: one row per finding and control, the maps among them.
    """
    page = make_environment().get_template("scored.html").render(make_context(summary, table))
    with whole(path) as partial:
        partial.write_text(page, encoding="utf-8")


def make_context(summary: Mapping[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Put together everything the template names."""
    source = summary["protocol"]["source"]
    entries = table.apply(_as_entries, axis=1).tolist()
    blocks: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        blocks.setdefault(entry["finding"], []).append(entry)
    return {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "summary": summary,
        "protocol": summary["protocol"],
        "name": summary["maps"]["name"] or "maps",
        "judged": describe_judge(summary["protocol"].get("judged_by", "boxes")),
        "source": NAMES.get(source, source),
        "phantom": source == "phantom",
        "blocks": blocks,
        "levels": LEVELS,
        "half": summary["localization"],
        "found_figure": Markup(draw_found(summary["localization"], "these maps")),
        "wang_boxes": None,
        "problems": summary["problems"][:ROWS],
    }


def _as_entries(row: pd.Series) -> dict[str, Any]:
    cells = to_records(row.to_frame().T)[0]
    for key in ("iou", "pointing", "energy", "skill"):
        cells[key] = {"value": cells[key], "low": cells[f"{key}_low"], "high": cells[f"{key}_high"]}
    return cells
