"""The figures of a page, from tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cxr_xai.report.format import interval, is_known, name, number, or_nan, signed
from cxr_xai.report.published import published_means, wang_by_finding
from cxr_xai.report.results import Results
from cxr_xai.visualization.lines import Line, draw_lines
from cxr_xai.visualization.rows import Row, draw_rows


def draw_aurocs(test: Mapping[str, Any], beside_wang: bool) -> str:
    """Draw AUROC per finding and macro with intervals; open circles are Wang et al. 2017 where they may be shown."""
    wang = wang_by_finding() if beside_wang else {}
    rows = [make_row(name(key), row["auroc"], other=wang.get(key, math.nan)) for key, row in test["findings"].items()]
    rows.append(make_row(f"mean over {test['macro']['auroc']['over']}", test["macro"]["auroc"], strong=True))
    legend = [("dot", "this run"), ("range", "95 % interval")] + ([("other", "Wang et al. 2017")] if wang else [])
    return draw_rows(
        rows, left_end(rows, 0.5), 1.0, "AUROC per finding with 95 % intervals; the table has the numbers", legend, 0.5
    )


def draw_published(macro: Mapping[str, float | None]) -> str:
    """Draw published means over 14 findings on the official split above this run's."""
    rows = [
        Row(f"{row.source} {row.year}", other=float(row.value), text=f"{number(float(row.value))}  {row.model}")  # type: ignore[arg-type]
        for row in published_means("official").itertuples()
    ]
    rows.append(make_row("this run", macro, text=interval(macro), strong=True))
    legend = [("other", "published, official split"), ("dot", "this run"), ("range", "95 % interval")]
    return draw_rows(rows, left_end(rows, 0.7), 0.9, "Mean AUROC over 14 findings: published and this run", legend)


def draw_localization(half: Mapping[str, Any]) -> str:
    """Draw prior, method and ceiling of IoU per boxed finding and macro."""
    rows = [
        make_row(
            f"{name(key)}{'' if row['in_macro'] else ' †'}",
            row["iou"],
            start=or_nan(row["prior_iou"]["value"]),
            end=or_nan(row["ceiling_iou"]["value"]),
            text=f"skill {skill_words(row)}",
            faint=not row["in_macro"],
        )
        for key, row in half["findings"].items()
        if row["pairs"]
    ]
    macro = half["macro"]
    if macro["over"]:
        ends = {"start": or_nan(macro["prior_iou"]["value"]), "end": or_nan(macro["ceiling_iou"]["value"])}
        words = f"skill {number(macro['skill']['value'])}"
        rows.append(make_row(f"mean over {macro['over']}", macro["iou"], text=words, strong=True, **ends))
    legend = [
        ("start", "prior (no image)"),
        ("dot", "this run"),
        ("range", "95 % interval"),
        ("end", "ceiling of the grid"),
    ]
    return draw_rows(
        rows, 0.0, 1.0, "IoU with the boxes: prior, this run and ceiling per finding; the table has the numbers", legend
    )


def draw_found(half: Mapping[str, Any], who: str = "this run") -> str:
    """Draw T(IoU), the share of boxes found over its thresholds: this run (or who it is), the prior and the ceiling.

    It is the mean over findings, or where none has 20 boxes the share of all pairs.
    """
    curves, known, pairs = half["curves"], half["agreement"]["prior"]["pairs"], half["agreement"]["pairs"]
    few = "" if half["macro"]["over"] or known == pairs else f" ({known} of {pairs} pairs)"
    words = {"run": who, "prior": f"prior{few}", "ceiling": "ceiling"}
    lines = [
        Line(words[key], curves["thresholds"], [or_nan(entry["value"]) for entry in entries])
        for key, entries in curves["iou"]["macro" if half["macro"]["over"] else "micro"].items()
    ]
    alt = f"Share of boxes with a greater IoU, by threshold: {who}, prior and ceiling; the table has the numbers"
    return draw_lines(lines, alt, axis="IoU greater than")


def skill_words(row: Mapping[str, Any]) -> str:
    """Return skill, or where it is undefined the difference to the prior, named as such."""
    if is_known(row["skill"]["value"]):
        return number(row["skill"]["value"])
    return f"–, Δ {signed(row['over_prior'])}" if is_known(row["over_prior"]) else "–"


def make_row(label: str, entry: Mapping[str, float | None], text: str | None = None, **extra: Any) -> Row:
    """Make a row of value and interval; the text at the right is the number unless given."""
    value, low, high = (or_nan(entry.get(key)) for key in ("value", "low", "high"))
    return Row(label, value, low, high, text=interval(entry, 2) if text is None else text, **extra)


def left_end(rows: Sequence[Row], most: float) -> float:
    """Return the multiple of 0.1 below everything drawn, at most ``most``.

    >>> left_end([Row("a", 0.6, 0.43, 0.7)], 0.5)
    0.4
    """
    drawn = [value for row in rows for value in (row.value, row.low, row.other) if math.isfinite(value)]
    return min([most, *(math.floor(value * 10) / 10 for value in drawn)])


def draw_curves(results: Results) -> list[tuple[str, str]]:
    """Return (heading, figure) of loss, guidance, AUROC on val, and the probe, for what the run logged."""
    metrics, best = results.metrics, float(results.summary["best_epoch"])
    wanted = {
        "Loss": {"train": "train/loss", "val": "val/loss"},
        "Guidance": {"train: mean term, before its weight": "train/guidance"},
        "Macro AUROC on val": {"val": "val/auroc/macro"},
        "Probe: IoU and skill on watched boxes": {
            "IoU, all boxes": "probe/iou/micro",
            "macro skill": "probe/skill/macro",
        },
    }
    figures = []
    for heading, keys in wanted.items():
        lines = [read_line(metrics, label, key) for label, key in keys.items()]
        drawn = [line for line in lines if any(math.isfinite(y) for y in line.y)]
        if drawn:
            figures.append((heading, draw_lines(drawn, f"{heading} per epoch", best)))
    return figures


def read_line(metrics: pd.DataFrame, label: str, key: str) -> Line:
    """Return one key of ``metrics.csv`` as a curve."""
    rows = metrics[metrics["key"] == key].sort_values("epoch")
    return Line(label, [float(x) for x in rows["epoch"]], [float(y) for y in rows["value"]])
