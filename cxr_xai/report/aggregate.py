"""One page about several runs: arms side by side, their differences, and what they rest on."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cxr_xai.artifacts.aggregate_folder import AggregateFolder
from cxr_xai.files import whole
from cxr_xai.report.aggregate_tables import PHANTOM, make_tables, protocol_note
from cxr_xai.report.contrast_tables import walk_contrasts
from cxr_xai.report.figures import draw_found, left_end, make_row
from cxr_xai.report.format import is_known, name, or_nan
from cxr_xai.report.guidance_table import found_sentence
from cxr_xai.report.labels import LABELS, MEAN
from cxr_xai.report.page import HERE, NAMES, describe_phantom, make_environment
from cxr_xai.report.tables import Table, cell_parts, cell_text, write_tables
from cxr_xai.visualization.rows import Row, draw_rows
from cxr_xai.visualization.svg import STYLE

LONGEST = 24
"""Letters of a label that fit the left side of a figure."""


def write_aggregate_report(folder: AggregateFolder) -> Path:
    """Write the tables and ``report.html`` from ``aggregate.json``, and return the page's path.

    The names of the tables are kept there, so that the next aggregate knows which files are its own to replace.

    Raises:
        UserError: the folder holds no aggregate.
    """
    summary = folder.read_summary()
    tables = make_tables(summary)
    write_tables(folder.tables, tables, summary.get("tables", []))
    folder.write_summary({**summary, "tables": [table.name for table in tables]})
    environment = make_environment()
    environment.filters.update(cell=lambda value, kind: cell_parts(kind, value))
    page = environment.get_template("aggregate.html").render(make_context(summary, tables))
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report


def make_context(summary: Mapping[str, Any], tables: Any) -> dict[str, Any]:
    """Put together everything the template names."""
    protocol = summary["protocol"]
    by_name = {table.name: table for table in tables}
    return {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "summary": summary,
        "design": summary["design"],
        "protocol": protocol,
        "source": NAMES.get(protocol["source"], protocol["source"]),
        "phantom": protocol["source"] == "phantom",
        "about_words": describe_phantom(protocol["about"]) if protocol["source"] == "phantom" else "",
        "note": protocol_note(summary),  # stands once at the top; exported tables carry it each
        "phantom_note": PHANTOM,  # the notice says it at more length
        "tables": by_name,
        "found": found_sentence(summary),
        "findings": [table for key, table in by_name.items() if key.startswith("findings_")],
        "metrics": [table for key, table in by_name.items() if key.startswith("metrics_")],
        "boxes": show_boxes(summary["localization"], by_name),
        "arms_figure": Markup(draw_arms(summary["arms"], "auroc")),
        "findings_figure": Markup(draw_findings(summary["arms"], "auroc")),
        "contrasts_figure": Markup(draw_differences(summary)),
    }


def show_boxes(localization: Mapping[str, Any], tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    """Return tables and figures of each explainer; ``both`` is None where no arms are compared."""

    def named(start: str) -> list[Table | None]:
        own = [table for key, table in tables.items() if key.startswith(start)]
        return [*own, *[None] * (len(localization) - len(own))]

    kinds = zip(*(named(f"{kind}_") for kind in ("localization", "found", "agreement", "both_predicted")), strict=True)
    return [
        {
            "table": table,
            "figure": Markup(draw_boxes(by_arm)),
            "curves": [(arm, Markup(draw_found(numbers, "arm"))) for arm, numbers in by_arm.items()],
            "found": found,
            "agreement": agreement,
            "both": both,
        }
        for (table, found, agreement, both), by_arm in zip(kinds, localization.values(), strict=True)
    ]


def shorten(words: str) -> str:
    """Return a label that fits a figure.

    >>> shorten("balancing=smote transform=advanced")
    'balancing=smote transfo…'
    """
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def draw_arms(arms: Mapping[str, Any], metric: str) -> str:
    """Draw the mean of every arm."""
    rows = [make_row(shorten(arm), numbers["macro"][metric]) for arm, numbers in arms.items()]
    legend = [("dot", "mean over findings"), ("range", "95 % interval")]
    return draw_rows(rows, left_end(rows, 0.5), 1.0, f"Mean {LABELS[metric]} of every arm", legend, 0.5)


def draw_findings(arms: Mapping[str, Any], metric: str) -> str:
    """Draw every finding, arms below each other."""
    rows = []
    for finding in next(iter(arms.values()))["findings"]:
        for number, (arm, numbers) in enumerate(arms.items()):
            entry = numbers["findings"][finding][metric]
            text = shorten(arm) if len(arms) > 1 else None
            rows.append(make_row("" if number else name(finding), entry, text=text))
    legend = [("dot", LABELS[metric]), ("range", "95 % interval")]
    return draw_rows(rows, left_end(rows, 0.5), 1.0, f"{LABELS[metric]} per finding and arm", legend, 0.5)


def draw_boxes(by_arm: Mapping[str, Any]) -> str:
    """Draw prior, arm and ceiling of the mean IoU; without a mean, of every finding."""
    rows = []
    for arm, numbers in by_arm.items():
        shown = {MEAN: numbers["macro"]} if numbers["macro"]["over"] else numbers["findings"]
        for over, row in shown.items():
            if is_known(row["iou"]["value"]):
                label = shorten(arm) if over == MEAN else shorten(f"{name(over)} {arm}")
                prior, ceiling = (or_nan(row[f"{key}_iou"]["value"]) for key in ("prior", "ceiling"))
                rows.append(make_row(label, row["iou"], start=prior, end=ceiling))
    legend = [("start", "prior (no image)"), ("dot", "IoU"), ("range", "95 % interval"), ("end", "ceiling of the grid")]
    return draw_rows(rows, 0.0, 1.0, "IoU with the sealed boxes: prior, arms and ceiling", legend)


def draw_differences(summary: Mapping[str, Any]) -> str:
    """Draw differences with intervals: the primary contrast first, other means, then its metric per finding."""
    walked = [entry for entry in walk_contrasts(summary) if is_known(entry[3]["value"])]
    primary = [entry for entry in walked if entry[3]["primary"]]
    metric = primary[0][1] if primary else "auroc"
    chosen = primary + [e for e in walked if e[1] == metric and e[2] == MEAN and not e[3]["primary"]]
    if not chosen:
        return ""
    chosen += [e for e in walked if e[0] == chosen[0][0] and e[1] == metric and e[2] != MEAN and e not in chosen]
    rows = [
        Row(
            shorten(contrast if over == MEAN else name(over)),
            row["value"],
            or_nan(row["low"]),
            or_nan(row["high"]),
            text=cell_text("difference", row),
            strong=bool(row["primary"]),
        )
        for contrast, _, over, row in chosen
    ]
    reach = max(abs(v) for row in rows for v in (row.value, row.low, row.high) if math.isfinite(v))
    reach = math.ceil(reach * 50) / 50 or 0.02
    legend = [("dot", f"difference in {LABELS[metric]}"), ("range", "95 % interval")]
    alt = f"Differences in {LABELS[metric]}, the primary contrast first; the table has the numbers"
    return draw_rows(rows, -reach, reach, alt, legend, 0.0)
