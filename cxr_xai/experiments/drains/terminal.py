"""What a person sees of a drain audit on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.format import interval, number

RULES = {
    "all": "energy in the {where}, all maps, dead 0",
    "live": "energy in the {where}, live maps",
    "corrected": "log2 of energy over area of the {where}, live",
    "area": "share of the film of the {where}",
}


def list_rows(audit: Mapping[str, Any]) -> list[tuple[str, Any, Any, Any]]:
    """Return ``what, with, without, gap`` of the numbers that have these three."""
    rows: list[tuple[str, Any, Any, Any]] = [
        ("AUROC against all negatives", audit["auroc"]["with"], audit["auroc"]["without"], audit["gap"])
    ]
    boxes, planted = audit["boxes"], audit["planted"]
    for where, found in (("box", boxes), ("drawn lesion", (planted or {}).get("lesion"))):
        if found is not None:
            rows += [
                (words.format(where=where), *(found[key][side] for side in ("with", "without", "gap")))
                for key, words in RULES.items()
                if key in found
            ]
    return rows


def print_drains(audit: Mapping[str, Any], report: Path) -> None:
    """Print numbers with and without a drain, and what of the evidence lies along it."""
    films = audit["films"]["positive"]
    table = Table(
        box=SIMPLE_HEAD, title=f"{audit['finding']}: {films['with']} with a drain, {films['without']} without"
    )
    for label in ("", "with a drain", "without", "gap"):
        table.add_column(label, justify="right" if label else "left")
    for what, *entries in list_rows(audit):
        table.add_row(what, *(interval(entry) for entry in entries))
    if published := audit["published"]:
        table.add_row("  published (another network)", *(number(published[key], 2) for key in ("with", "without")), "")
    console.print(table)
    console.print(f"A drain without a {audit['finding'].lower()} ranks above none: {interval(audit['drain_alone'])}")
    for side, row in (audit["planted"] or {"drain": {}})["drain"].items():
        console.print(
            f"Evidence along the drain, {side} films: {interval(row['all'])} of all, {interval(row['live'])} of live "
            f"maps, on {interval(row['area'])} of the film"
        )
    console.print(NOTICE, style="yellow")
    console.print(f"report: {report}", soft_wrap=True)
