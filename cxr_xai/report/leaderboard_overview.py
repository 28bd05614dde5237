"""A leaderboard as dashboards take it: numbers that sort, its tables, its figures, films under the maps."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cxr_xai.artifacts.leaderboard_folder import LeaderboardFolder
from cxr_xai.loggers.overview import Bars, Overview
from cxr_xai.report.aggregate_overview import prefixed, spread
from cxr_xai.report.aggregate_tables import slug
from cxr_xai.report.figures import make_row
from cxr_xai.report.format import or_nan, signed
from cxr_xai.report.leaderboard import headline, how_judged, read_studies, speaks_for, tabulate
from cxr_xai.report.tables import p_value
from cxr_xai.visualization.outlines import join_labeled
from cxr_xai.visualization.raster import rasterize
from cxr_xai.visualization.rows import Row, draw_rows

Summary = Mapping[str, Any]
TESTS = {"p": "p", "holm": "p_holm"}


def make_leaderboard_overview(board: LeaderboardFolder, sweep: str) -> Overview:
    """Put together what is shown of ``leaderboard/``; keys are ``leaderboard/…``, ``difference/…``, ``recall/…``.

    Raises:
        UserError: there is no leaderboard.
    """
    summary = board.read_summary()
    metric = place_of(summary)[1]
    table = pd.DataFrame(tabulate(summary))
    about = ("run", "epoch", "reference", "primary", "mode", "half", "max_studies", "replicates")
    tables = {"leaderboard/explainers": table}
    if len(summary["reliance"]):
        rows = [{k: v for k, v in row.items() if k != "change"} | flat_change(row) for row in summary["reliance"]]
        tables["leaderboard/reliance"] = pd.DataFrame(rows)
    return Overview(
        "leaderboard",
        {"sweep": sweep, "arm": "leaderboard", "protocol": summary["protocol"]["label"]}
        | {name: summary[name] for name in about}
        | {"explainers": [arm["label"] for arm in summary["arms"]], "metric": metric},
        flatten_leaderboard(summary),
        tables,
        prefixed("leaderboard", {**draw_leaderboard(summary), **draw_studies(board, summary)}),
        {"leaderboard/charts/explainers": Bars("leaderboard/explainers", "explainer", metric, f"{metric}, best first")},
    )


def place_of(summary: Summary) -> tuple[str, str]:
    """Return the part of an arm that ranks, and the metric."""
    return ("lesions", "energy") if summary["mode"] == "phantom" else ("boxes", "iou")


def flat_change(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean change of the probability with its ends."""
    return {name.replace("/", "_"): value for name, value in spread("change", row["change"]).items()}


def flatten_leaderboard(summary: Summary) -> dict[str, float]:
    """Return ``leaderboard/<metric>/<explainer>``, ``difference/…`` to the reference, ``recall/<shortcut>/…``."""
    part, metric = place_of(summary)
    numbers: dict[str, float] = {f"leaderboard/{name}": float(summary[name]) for name in ("studies", "patients")}
    for place, arm in enumerate(summary["arms"], start=1):
        label, entry = slug(arm["label"]), arm[part]
        numbers |= {f"leaderboard/place/{label}": float(place), f"leaderboard/dead/{label}": float(entry["dead"])}
        numbers |= spread(f"leaderboard/{metric}/{label}", headline(entry, metric))
        if not arm["reference"]:
            difference = entry[metric]["difference"]
            numbers |= spread(f"difference/{metric}/{label}", difference)
            numbers |= {f"difference/{metric}/{label}/{test}": or_nan(difference[key]) for test, key in TESTS.items()}
        for shortcut in speaks_for(summary):
            numbers |= spread(f"recall/{shortcut}/{label}", arm["for"][shortcut]["recall"])
        if arm["seconds"] is not None:
            numbers[f"leaderboard/seconds/{label}"] = float(arm["seconds"])
    return numbers


def draw_leaderboard(summary: Summary) -> dict[str, list[tuple[Any, str]]]:
    """Return ranking, differences to the reference and recall of shortcuts, with intervals; controls are pale."""
    key, metric = place_of(summary)
    what = "evidence inside the lesion" if key == "lesions" else f"IoU with boxes of the {summary['half']} half"
    arms = summary["arms"]
    ranked = [make_row(words(arm), headline(arm[key], metric), faint=arm["control"]) for arm in arms]
    legend = [("dot", "mean"), ("range", "95 % interval")]
    figures = {
        "figures/ranking": (
            draw_rows(ranked, 0.0, reach(ranked), what, legend),
            f"Explainers of one network: {what}",
        )
    }
    others = [arm for arm in arms if not arm["reference"]]
    rows = [difference_row(arm, arm[key][metric]["difference"], summary["primary"]) for arm in others]
    title = f"Difference to {summary['reference']} in {what}"
    figures["figures/differences"] = (draw_around_zero(rows, title), title)
    for shortcut, entry in speaks_for(summary).items():
        title = f"Evidence inside the {shortcut} where the network leans on it ({entry['cases']} maps)"
        recalls = [make_row(words(arm), arm["for"][shortcut]["recall"], faint=arm["control"]) for arm in arms]
        title += "; dashed: an even map"
        even = entry["share"]
        figures[f"figures/recall_{slug(shortcut)}"] = (
            draw_rows(recalls, 0.0, reach(recalls), title, legend, even),
            title,
        )
    said = f"{summary['protocol']['label']}. {how_judged(summary)} Pale: controls."
    return {key: [(rasterize(svg, title), f"{title}. {said}")] for key, (svg, title) in figures.items()}


def words(arm: Mapping[str, Any]) -> str:
    """Return an explainer's name; a star marks a control."""
    return str(arm["label"])[:23] + ("*" if arm["control"] else "")


def difference_row(arm: Mapping[str, Any], difference: Mapping[str, Any], primary: str | None) -> Row:
    """Return the row of one explainer against the reference."""
    p = difference["p" if arm["label"] == primary else "p_holm"]
    text = f"{signed(difference['value'])}  p {p_value(p)}"
    return make_row(words(arm), difference, text, faint=arm["control"], strong=arm["label"] == primary)


def draw_around_zero(rows: Sequence[Row], title: str) -> str:
    """Draw differences on a scale that is as long on both sides of 0."""
    end = reach(rows)
    return draw_rows(rows, -end, end, title, [("dot", "difference"), ("range", "95 % interval")], 0.0)


def reach(rows: Sequence[Row]) -> float:
    """Return the size, in steps of .02, that holds everything drawn.

    >>> reach([Row("a", -0.31, -0.405, 0.1)])
    0.42
    """
    drawn = [abs(v) for row in rows for v in (row.value, row.low, row.high) if math.isfinite(v)]
    return math.ceil(max([0.02, *drawn]) * 50) / 50


def draw_studies(board: LeaderboardFolder, summary: Summary) -> dict[str, list[tuple[Any, str]]]:
    """Return ``shown/<finding>`` → films beside the maps of every explainer; captions name no image."""
    shown: dict[str, list[tuple[Any, str]]] = {}
    for study in read_studies(board, summary):
        tiles = [(f"{one['label']} {one['note']}", one["picture"]) for one in study["pictures"]]
        shown.setdefault(f"shown/{slug(study['title'])}", []).append(
            (join_labeled(tiles), f"{study['title']}, {study['words']}")
        )
    return shown
