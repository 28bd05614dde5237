"""The page about the regions that move the networks of two arms, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from cxr_xai.errors import UserError
from cxr_xai.files import read_json, whole
from cxr_xai.findings import FINDINGS
from cxr_xai.report.format import name, number, or_nan
from cxr_xai.report.page import HERE, make_environment
from cxr_xai.report.regions import MEAN, make_standalone, shorten
from cxr_xai.visualization.bars import Bar, draw_bars
from cxr_xai.visualization.beeswarm import Swarm, draw_beeswarm
from cxr_xai.visualization.matrix import draw_matrix
from cxr_xai.visualization.shap_summary import draw_two_summaries
from cxr_xai.visualization.strips import Strip, draw_strips
from cxr_xai.visualization.svg import STYLE

SIDES = ("first", "second")


def write_arms_report(folder: Path) -> Path:
    """Write ``report.html``, its figures as SVG and ``shap_summary.png`` of a comparison, and return the page's path.

    Raises:
        UserError: the folder holds no comparison of arms.
    """
    if not (folder / "summary.json").is_file():
        raise UserError(f"{folder} holds no summary.json; scripts/regions.py folder=[…] against=[…] makes it.")
    summary, films = read_json(folder / "summary.json"), pd.read_csv(folder / "films.csv")
    regions = order_regions(summary["differences"][MEAN])
    figures = draw_figures(summary, films, regions)
    colors = (HERE / "style.css").read_text().partition("@media")[0]
    for key, svg in figures.items():
        with whole(folder / "figures" / f"{key}.svg") as partial:
            partial.write_text(make_standalone(svg, colors), encoding="utf-8")
    with whole(folder / "shap_summary.png") as partial:
        partial.write_bytes(draw_summary(summary, films, regions))
    context = {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "summary": summary,
        "arms": summary["arms"],
        "alone": [arm for arm, count in summary["trainings"].items() if count == 1],
        "phantom": summary["protocol"]["source"] == "phantom",
        "findings": FINDINGS,
        "regions": regions,
        "figures": {key: Markup(svg) for key, svg in figures.items()},
    }
    page = make_environment().get_template("regions_of_arms.html").render(context)
    with whole(folder / "report.html") as partial:
        partial.write_text(page, encoding="utf-8")
    return folder / "report.html"


def order_regions(rows: Mapping[str, Any]) -> list[str]:
    """Return the regions by their share in both arms together, largest first."""
    return sorted(rows, key=lambda region: -sum(or_nan(rows[region]["share"][side]["value"]) for side in SIDES))


def draw_figures(summary: Mapping[str, Any], films: pd.DataFrame, regions: Sequence[str]) -> dict[str, str]:
    """Return every figure of the page, SVG by name."""
    figures = {
        "bars": draw_both(summary, regions),
        "trainings": draw_trainings(summary, regions),
        "differences": draw_differences(summary, regions),
    }
    for finding in FINDINGS:
        own = films[films["finding"] == finding]
        for n, svg in enumerate(draw_pair(own, finding, summary["arms"], regions), start=1):
            figures[f"beeswarm_{finding}_{n}"] = svg
    return figures


def draw_both(summary: Mapping[str, Any], regions: Sequence[str]) -> str:
    """Draw mean ``|φ|`` of both arms, region by region."""
    rows = summary["differences"][MEAN]
    drawn = [
        (one, [_bar(rows[one][side]) for side in SIDES], f"{number(summary['areas'][one], 2)} of the film")
        for one in regions
    ]
    series = [shorten(arm) for arm in summary["arms"]]
    return draw_bars(drawn, series, "Importance of regions in two arms with 95 % intervals, mean over findings")


def draw_trainings(summary: Mapping[str, Any], regions: Sequence[str]) -> str:
    """Draw the share of every region in each training."""
    table = pd.DataFrame(summary["by_training"])
    strips = [
        Strip(
            one, [table[(table["arm"] == arm) & (table["region"] == one)]["share"].tolist() for arm in summary["arms"]]
        )
        for one in regions
    ]
    alt = "Share of importance of every region, a dot for each training of both arms"
    return draw_strips(strips, [shorten(arm) for arm in summary["arms"]], alt)


def draw_differences(summary: Mapping[str, Any], regions: Sequence[str]) -> str:
    """Draw differences of mean ``|φ|`` by finding and region."""
    rows = [*FINDINGS, MEAN]
    values = [[or_nan(summary["differences"][row][one]["difference"]["value"]) for one in regions] for row in rows]
    words = [name(finding) for finding in FINDINGS] + ["mean over findings"]
    most = float(np.nanmax(np.abs(values)))
    return draw_matrix(words, list(regions), values, most, "Difference of mean |φ| by finding and region")


def draw_pair(own: pd.DataFrame, finding: str, arms: Sequence[str], regions: Sequence[str]) -> list[str]:
    """Draw every film of one finding in both arms, on one scale."""
    values = own[list(SIDES)].to_numpy(np.float64)
    reach = (float(values.min()), float(values.max()))
    by_region = dict(iter(own.groupby("region")))
    figures = []
    for side, arm in zip(SIDES, arms, strict=True):
        swarms = [Swarm(one, by_region[one][side].tolist(), by_region[one]["target"].tolist()) for one in regions]
        alt = f"{name(finding)}, {arm}: change of the logit by each region, one dot a film"
        figures.append(draw_beeswarm(swarms, alt, "φ, change of the logit", reach))
    return figures


def draw_summary(summary: Mapping[str, Any], films: pd.DataFrame, regions: Sequence[str]) -> bytes:
    """Draw importance in both arms and every value of each in one picture, PNG."""
    rows, by_region = summary["differences"][MEAN], dict(iter(films.groupby("region")))
    bars = [[_bar(rows[one][side]) for side in SIDES] for one in regions]
    swarms = [
        [Swarm(one, by_region[one][side].tolist(), by_region[one]["target"].tolist()) for one in regions]
        for side in SIDES
    ]
    synthetic = "synthetic " * (summary["protocol"]["source"] == "phantom")
    note = (
        f"{summary['films']:,} {synthetic}films × {len(FINDINGS)} findings; masked: {summary['masked']}; regions: "
        f"{summary['anatomy']}; values: {summary['values']}"
    )
    return draw_two_summaries(bars, swarms, [shorten(arm, 34) for arm in summary["arms"]], note, "φ")


def _bar(entry: Mapping[str, float | None]) -> Bar:
    return Bar(*(or_nan(entry[key]) for key in ("value", "low", "high")))
