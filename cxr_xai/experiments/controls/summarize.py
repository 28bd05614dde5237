"""Scores of controls per finding and over findings, with intervals, as plain types and as a table."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.experiments.controls.maps import IMAGE_FREE
from cxr_xai.experiments.summary import summarize_boxes, summarize_localization
from cxr_xai.findings import boxed_among
from cxr_xai.metrics.found import T, above

SCORES = ("iou", "pointing", "energy")
MACRO, CEILING = "macro", "ceiling"

Summary = dict[str, Any]


def summarize_maps(
    rows: pd.DataFrame, replicates: int, headline: bool = False, predicted: Collection[tuple[str, str]] | None = None
) -> Summary:
    """Return what `summarize_localization` does, with ``t_iou`` and ``ceiling_t_iou``: T(IoU) per finding and its mean.

    Args:
        rows: of one kind of maps, on any grids.
        replicates: of the patient bootstrap.
        headline: leave out curves, agreement and other thresholds, which take several times as long.
        predicted: (image, finding) whose finding is predicted, a slice of the boxes; not with ``headline``.
    """
    summary = summarize_boxes(rows, replicates) if headline else summarize_localization(rows, replicates, predicted)
    best = rows.assign(iou=rows["ceiling_iou"], dead=False)
    for key, table in (("t_iou", rows), ("ceiling_t_iou", best)):
        shares = share_above(table)
        for name, row in summary["findings"].items():
            row[key] = shares[name]
        counted = [shares[name] for name, row in summary["findings"].items() if row["in_macro"]]
        summary[MACRO][key] = {str(level): _mean([share[str(level)] for share in counted]) for level in T}
    return summary


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def share_above(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return T(IoU) per boxed finding: the share of pairs whose IoU is above each level, a dead map's being 0.

    NaN for a finding without pairs, or without a prior where the prior is what is scored.

    >>> rows = pd.DataFrame({"finding": "Mass", "iou": [0.15, 0.1, float("nan")], "dead": [False, False, True]})
    >>> round(share_above(rows)["Mass"]["0.1"], 3)
    0.333
    """
    known = rows["dead"].to_numpy(bool) | rows["iou"].notna().to_numpy()
    found = above(rows["iou"].to_numpy(np.float64))  # a dead map's NaN finds nothing
    shares = {}
    for name in boxed_among(rows["finding"]):
        mine = found[known & (rows["finding"] == name).to_numpy()]
        means = mine.mean(axis=0) if len(mine) else np.full(len(T), np.nan)
        shares[name] = {str(level): float(mean) for level, mean in zip(T, means, strict=True)}
    return shares


def summarize_controls(rows: Mapping[str, pd.DataFrame], replicates: int) -> dict[str, Summary]:
    """Return `summarize_maps` of every control."""
    return {name: summarize_maps(table, replicates, headline=True) for name, table in rows.items()}


def best_control(summaries: Mapping[str, Summary], finding: str = MACRO) -> str | None:
    """Name the image-free control, other than the prior, with the highest IoU; None where none is defined."""
    values = {name: read_row(summaries[name], finding)["iou"]["value"] for name in IMAGE_FREE if name in summaries}
    known = {name: value for name, value in values.items() if value is not None and not np.isnan(value)}
    return max(known, key=lambda name: known[name]) if known else None


def read_row(summary: Summary, finding: str) -> Summary:
    """Return the entries of one finding, or of the mean over findings (``macro``)."""
    row: Summary = summary[MACRO] if finding == MACRO else summary["findings"][finding]
    return row


def tabulate_controls(summaries: Mapping[str, Summary], grid: tuple[int, int], size: int) -> pd.DataFrame:
    """Return one row per finding (and ``macro``) and control, and the ceiling of the grid as one more control.

    Returns:
        ``grid image_size finding boxes pairs dead in_macro control iou iou_low iou_high pointing … energy … t_iou_0.1 …
        t_iou_0.7 skill skill_low skill_high over_prior``; NaN where undefined.
    """
    first = next(iter(summaries.values()))
    names = [MACRO, *(name for name, row in first["findings"].items() if row["pairs"])]
    rows = []
    for finding in names:
        for control, summary in summaries.items():
            rows.append(_as_row(summary, finding) | {"control": control})
        rows.append(_ceiling_row(first, finding) | {"control": CEILING})
    table = pd.DataFrame(rows).assign(grid=f"{grid[0]}x{grid[1]}", image_size=size)
    front = ["grid", "image_size", "finding", "control", "boxes", "pairs", "dead", "in_macro"]
    return table[front + [column for column in table if column not in front]]


def _counts(summary: Summary, finding: str) -> Summary:
    if finding != MACRO:
        row = summary["findings"][finding]
        return {"finding": finding, **{key: row[key] for key in ("boxes", "pairs", "dead", "in_macro")}}
    total = {key: sum(row[key] for row in summary["findings"].values()) for key in ("boxes", "pairs", "dead")}
    return {"finding": MACRO, **total, "in_macro": True}


def _as_row(summary: Summary, finding: str) -> Summary:
    row = read_row(summary, finding)
    cells = _counts(summary, finding)
    for key in (*SCORES, "skill"):
        cells |= _spread(key, row[key])
    cells |= {f"t_iou_{level}": share for level, share in row["t_iou"].items()}
    return cells | {"over_prior": row.get("over_prior", row["iou"]["value"] - row["prior_iou"]["value"])}


def _ceiling_row(summary: Summary, finding: str) -> Summary:
    row = read_row(summary, finding)
    cells = _counts(summary, finding) | {"dead": 0}
    for key in ("iou", "energy"):
        cells |= _spread(key, row[f"ceiling_{key}"])
    cells |= {f"t_iou_{level}": share for level, share in row["ceiling_t_iou"].items()}
    return cells | {"skill": 1.0, "over_prior": row["ceiling_iou"]["value"] - row["prior_iou"]["value"]}


def _spread(key: str, entry: Mapping[str, float]) -> Summary:
    return {key: entry["value"], f"{key}_low": entry["low"], f"{key}_high": entry["high"]}
