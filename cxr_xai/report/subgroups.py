"""The page about subgroups: the largest gaps, what may be claimed, and every group's numbers beside its prevalence."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from cxr_xai.artifacts.subgroups_folder import SubgroupsFolder
from cxr_xai.data.phantom.spec import TIED
from cxr_xai.files import whole
from cxr_xai.report.format import is_known, name, number, percent, signed
from cxr_xai.report.page import HERE, NAMES, describe_phantom, make_environment
from cxr_xai.report.panels import to_records
from cxr_xai.report.tables import p_value
from cxr_xai.visualization.rows import Row, draw_rows
from cxr_xai.visualization.svg import STYLE

MACRO = "macro"
SHORT = {
    "auroc": "AUROC",
    "auroc_positives": "AUROC, positives",
    "fnr": "FNR",
    "fpr": "FPR",
    "citl": "in the large",
    "brier": "Brier",
    "ece": "ECE",
    "iou": "IoU",
    "energy": "energy",
    "pointing": "pointing",
    "skill": "skill",
}
MIXED = 1.5
"""A finding that is so many times as frequent in one group as in another is told."""
MIX_STUDIES = 50
"""Groups with fewer studies are left out of that: their shares are noise."""
MOST = 5
"""Single findings that are named; the tables have all."""
PLANTED = ("fnr", "fpr", "auroc_positives")
"""What a shortcut shows in: positives without it are missed, negatives with it are taken for ill."""


def write_subgroups_report(folder: SubgroupsFolder) -> Path:
    """Write ``report.html`` from the tables, and return its path.

    Raises:
        UserError: nothing was compared here.
    """
    page = make_environment().get_template("subgroups.html").render(make_context(folder))
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report


def make_context(folder: SubgroupsFolder) -> dict[str, Any]:
    """Put together everything the template names."""
    summary, largest = folder.read_summary(), folder.read_table("largest")
    protocol = summary["protocol"]
    phantom = protocol["source"] == "phantom"
    tables = {key: folder.read_table(key) for key in ("sizes", "prevalence", "groups", "gaps")}
    family = largest[(largest["finding"] == MACRO) & largest["metric"].isin(summary["family"])]
    runs = summary["runs"]
    return {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "summary": summary,
        "title": runs[0] if len(runs) == 1 else f"{len(runs)} runs",
        "source": NAMES.get(protocol["source"], protocol["source"]),
        "phantom": phantom,
        "about_words": describe_phantom(protocol.get("about", {})) if phantom else "",
        "short": SHORT,
        "family": to_records(family),
        "claims": [tell_claim(claim) for claim in summary["claims"]],
        "standing_out": tell_standing_out(largest, summary["alpha"]),
        "attributes": [make_attribute(key, tables, largest) for key in summary["attributes"]],
        "mixes": tell_mixes(folder),
        "planted": tell_planted(largest) if phantom else [],
    }


def make_attribute(attribute: str, tables: Mapping[str, pd.DataFrame], largest: pd.DataFrame) -> dict[str, Any]:
    """Return what stands under one attribute."""
    mine = {key: table[table["attribute"] == attribute] for key, table in tables.items()}
    gaps, groups, prevalence = mine["gaps"], mine["groups"], mine["prevalence"]
    shares = prevalence.set_index(["group", "finding"])["prevalence"]
    names = [group for group in mine["sizes"]["group"] if (group, MACRO) in shares.index]
    macro = groups[groups["finding"] == MACRO]
    detailed = gaps[gaps["finding"] != MACRO].dropna(subset=["gap"])
    return {
        "name": attribute,
        "sizes": [
            {**row, "prevalence": float(shares.get((row["group"], MACRO), np.nan))} for row in to_records(mine["sizes"])
        ],
        "groups": names,
        "means": [(metric, list(_by_group(rows, names))) for metric, rows in macro.groupby("metric", sort=False)],
        "figure": Markup(draw_gaps(gaps[gaps["finding"] == MACRO])),
        "gaps": to_records(gaps[(gaps["finding"] == MACRO) & gaps["gap"].notna()]),
        "findings": to_records(detailed),
        "adjusted": _adjusted(largest[largest["attribute"] == attribute]),
    }


def _by_group(rows: pd.DataFrame, names: list[str]) -> Iterator[dict[str, Any]]:
    at = {row["group"]: row for row in to_records(rows)}
    for group in names:
        yield at[group]


def _adjusted(largest: pd.DataFrame) -> dict[str, float]:
    return {f"{row['metric']} {row['finding']}": float(row["p_adjusted"]) for row in to_records(largest)}


def draw_gaps(gaps: pd.DataFrame) -> str:
    """Draw the gaps of means over findings around zero, a row per metric and pair."""
    drawn = gaps.dropna(subset=["gap"])
    if drawn.empty:
        return ""
    rows = [
        Row(
            f"{SHORT[row['metric']]}: {row['group']}",
            row["gap"],
            row["low"],
            row["high"],
            text=f"{signed(row['gap'])}  − {row['against']}",
            faint=not row["enough"],
        )
        for row in to_records(drawn)
    ]
    most = max(abs(float(end)) for row in rows for end in (row.value, row.low, row.high) if is_known(end))
    reach = min(1.0, (int(most * 10) + 1) / 10)
    legend = [("dot", "gap"), ("range", "95 % interval")]
    return draw_rows(rows, -reach, reach, "Gaps of means over findings; the table has the numbers", legend, 0.0)


def tell_claim(claim: Mapping[str, Any]) -> str:
    """Say in a sentence that a mean differs by an attribute."""
    return (
        f"{SHORT[claim['metric']]} differs by {claim['attribute']}: {_sides(claim)} (gap {number(claim['gap'])}, over "
        f"{int(claim['over'])} finding{'' if claim['over'] == 1 else 's'}, {_p(claim['p_adjusted'])} after Holm)."
    )


def _p(value: float) -> str:
    """Return ``p = .012`` or ``p < .001``."""
    text = p_value(value)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def _sides(row: Mapping[str, Any]) -> str:
    return f"{row['lowest']} {number(row['low_value'])}, {row['highest']} {number(row['high_value'])}"


def _tell(row: Mapping[str, Any]) -> str:
    return f"{name(row['finding'])}, {SHORT[row['metric']]} by {row['attribute']}: {_sides(row)}"


def tell_planted(largest: pd.DataFrame) -> list[str]:
    """Say what planted shortcuts do to the finding that each is tied to; known beforehand, so p stands alone."""
    lines = []
    for shortcut, finding in TIED.items():
        mine = largest[(largest["attribute"] == shortcut) & (largest["finding"] == finding)]
        rows = {row["metric"]: row for row in to_records(mine) if is_known(row["gap"])}
        known = [f"{SHORT[key]} {_sides(rows[key])} ({_p(rows[key]['p'])})" for key in PLANTED if key in rows]
        lines += [f"Planted {shortcut}, {name(finding)}: {'; '.join(known)}."] * bool(known)
    return lines


def tell_standing_out(largest: pd.DataFrame, alpha: float) -> list[str]:
    """Name single findings whose gap stands out after Benjamini-Hochberg, the surest first."""
    found = largest[(largest["finding"] != MACRO) & (largest["p_adjusted"] <= alpha)].sort_values(["p_adjusted", "p"])
    lines = [f"{_tell(row)} ({_p(row['p_adjusted'])}, exploratory)" for row in to_records(found.head(MOST))]
    more = [f"and {len(found) - MOST} more findings and metrics stand out; largest.csv has them"]
    return lines + more * (len(found) > MOST)


def tell_mixes(folder: SubgroupsFolder) -> list[str]:
    """Say for each attribute which finding's prevalence differs most between groups, where it differs much."""
    table, lines = folder.read_table("prevalence"), []
    for attribute, rows in table[table["finding"] != MACRO].groupby("attribute", sort=False):
        rows = rows[rows["known"] >= MIX_STUDIES]
        wide = rows.pivot(index="finding", columns="group", values="prevalence")
        spread = (wide.max(axis=1) / wide.min(axis=1).replace(0, np.nan)).dropna()
        if spread.empty or spread.max() < MIXED:
            continue
        finding = str(spread.idxmax())
        one = {str(group): float(share) for group, share in wide.loc[finding].dropna().to_dict().items()}
        low, high = min(one, key=one.__getitem__), max(one, key=one.__getitem__)
        lines.append(
            f"{attribute}: groups differ in their disease mix ({name(finding)} {percent(one[low])} in {low}, "
            f"{percent(one[high])} in {high}); a gap may be one of the mix."
        )
    return lines
