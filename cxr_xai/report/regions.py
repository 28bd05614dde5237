"""The page about regions of the chest and pairs of findings, from what lies in ``regions/``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.files import read_json, whole
from cxr_xai.findings import FINDINGS
from cxr_xai.report.format import name, number, or_nan
from cxr_xai.report.page import HERE, make_environment
from cxr_xai.visualization.bars import Bar, draw_bars
from cxr_xai.visualization.beeswarm import Swarm, draw_beeswarm
from cxr_xai.visualization.matrix import draw_matrix
from cxr_xai.visualization.shap_summary import draw_shap_summary
from cxr_xai.visualization.svg import STYLE

MEAN = "mean"
QUANTITIES = ("phi", "predicted phi", "correlation", "similarity")
"""Of pairs of findings: in labels, in predictions, in logits beyond labels, in maps."""


def write_regions_report(folder: RunFolder) -> Path:
    """Write ``regions/report.html``, its figures as SVG and ``shap_summary.png``, and return the page's path.

    Raises:
        UserError: the folder holds no explanation by regions.
    """
    place = folder.path / "regions"
    if not (place / "summary.json").is_file():
        raise UserError(f"{place} holds no summary.json; run scripts/regions.py folder={folder.path}.")
    summary = read_json(place / "summary.json")
    films, pairs = pd.read_csv(place / "films.csv"), pd.read_csv(place / "pairs.csv")
    figures = {
        "overview": draw_overview(summary["importance"]),
        "bars": draw_importance(summary),
        **{f"beeswarm_{finding}": draw_films(films, finding) for finding in FINDINGS},
        **{key.replace(" ", "_"): draw_pairs(pairs, key) for key in QUANTITIES},
    }
    colors = (HERE / "style.css").read_text().partition("@media")[0]
    for key, svg in figures.items():
        with whole(place / "figures" / f"{key}.svg") as partial:
            partial.write_text(make_standalone(svg, colors), encoding="utf-8")
    phantom = read_json(folder.certificate)["data"]["source"] == "phantom"
    with whole(place / "shap_summary.png") as partial:
        partial.write_bytes(draw_summary(summary, films, phantom))
    context = {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "summary": summary,
        "phantom": phantom,
        "findings": FINDINGS,
        "regions": sorted(summary["areas"], key=lambda one: -summary["importance"][MEAN][one]["size"]["value"]),
        "figures": {key: Markup(svg) for key, svg in figures.items()},
    }
    page = make_environment().get_template("regions.html").render(context)
    with whole(place / "report.html") as partial:
        partial.write_text(page, encoding="utf-8")
    return place / "report.html"


def make_standalone(svg: str, colors: str) -> str:
    """Return a figure that carries its own colors and rules, for use outside the page."""
    head, _, rest = svg.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{colors}{STYLE}</style>{rest}'


def draw_overview(importance: Mapping[str, Any]) -> str:
    """Draw mean ``|φ|`` of every finding and region."""
    regions = list(importance[MEAN])
    rows = [*FINDINGS, MEAN]
    values = [[importance[finding][region]["size"]["value"] for region in regions] for finding in rows]
    most = max(max(row) for row in values)
    words = [name(finding) for finding in FINDINGS] + ["mean over findings"]
    return draw_matrix(words, regions, values, most, "Importance of every region for every finding, mean |φ| in logits")


def draw_importance(summary: Mapping[str, Any]) -> str:
    """Draw mean ``|φ|`` per region over findings, and that of the other run below each."""
    rows, against = summary["importance"][MEAN], summary["against"]
    drawn = []
    for region in sorted(rows, key=lambda one: -rows[one]["size"]["value"]):
        bars = [_bar(rows[region]["size"])]
        if against is not None:
            bars.append(_bar(against["importance"][MEAN][region]["size"]))
        drawn.append((region, bars, f"{number(summary['areas'][region], 2)} of the film"))
    series = [summary["run"]] + ([] if against is None else [against["run"]])
    return draw_bars(
        drawn, [shorten(one) for one in series], "Importance of regions with 95 % intervals, mean over findings"
    )


def shorten(words: str, most: int = 40) -> str:
    """Return a name that fits the legend; cells differ at their ends.

    >>> shorten("phantom-resnet10-bce", 8)
    '…t10-bce'
    """
    return words if len(words) <= most else "…" + words[1 - most :]


def _bar(entry: Mapping[str, float | None]) -> Bar:
    return Bar(*(or_nan(entry[key]) for key in ("value", "low", "high")))


def draw_summary(summary: Mapping[str, Any], films: pd.DataFrame, phantom: bool) -> bytes:
    """Draw importance and every value of all findings in one picture, PNG."""
    rows = summary["importance"][MEAN]
    regions = sorted(rows, key=lambda one: -rows[one]["size"]["value"])
    by_region = dict(iter(films.groupby("region")))
    swarms = [Swarm(one, by_region[one]["phi"].tolist(), by_region[one]["target"].tolist()) for one in regions]
    note = (
        f"{summary['films']:,} {'synthetic ' * phantom}films × {len(FINDINGS)} findings; masked: {summary['masked']}; "
        f"regions: {summary['anatomy']}; values: {summary['values']}"
    )
    title = f"Which regions move the logits: {shorten(summary['run'], 70)}"
    return draw_shap_summary([_bar(rows[one]["size"]) for one in regions], swarms, title, note, "φ")


def draw_films(films: pd.DataFrame, finding: str) -> str:
    """Draw the values of every film and region for one finding, the widest region first."""
    own = films[films["finding"] == finding]
    order = own.groupby("region", sort=False)["phi"].apply(lambda one: float(np.abs(one).mean())).sort_values()[::-1]
    swarms = [
        Swarm(str(region), rows["phi"].tolist(), rows["target"].tolist())
        for region in order.index
        for rows in [own[own["region"] == region]]
    ]
    return draw_beeswarm(
        swarms, f"{name(finding)}: change of the logit by each region, one dot a film", "φ, change of the logit"
    )


def draw_pairs(pairs: pd.DataFrame, column: str) -> str:
    """Draw a quantity of pairs of findings, lower triangle."""
    values = np.full((len(FINDINGS), len(FINDINGS)), np.nan)
    for first, second, value in zip(pairs["first"], pairs["second"], pairs[column], strict=True):
        values[FINDINGS.index(second), FINDINGS.index(first)] = value
    words = [name(finding) for finding in FINDINGS]
    most = max(0.2, float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.2)
    return draw_matrix(words[1:], words[:-1], values[1:, :-1].tolist(), most, f"{column} of every pair of findings")
