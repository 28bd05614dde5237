"""The leaderboard as a person sees it on a terminal of 80 columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.aggregate_tables import PHANTOM
from cxr_xai.report.format import interval, number
from cxr_xai.report.judged import describe_judge
from cxr_xai.report.leaderboard import CHOSEN, COINCIDE, headline, how_judged, mark, seconds, speaks_for
from cxr_xai.report.tables import p_value

MOST = 8
"""Rows of reliance that are printed; the page has all."""


def print_leaderboard(summary: Mapping[str, Any], page: Path) -> None:
    """Print ranking, recall of shortcuts and what the network leans on."""
    console.print(f"\nExplainers of {summary['run']}, epoch {summary['epoch']}", style="bold", markup=False)
    console.print(f"protocol: {summary['protocol']['label']}", markup=False)
    _print_places(summary)
    if summary["mode"] == "boxes":
        console.print(describe_judge(summary["judged_by"]))
        console.print(CHOSEN, style="yellow")
    if summary["mode"] == "phantom":
        _print_recalls(summary)
        _print_reliance(summary["reliance"])
    console.print(f"\n{COINCIDE}")
    if summary["protocol"]["source"] == "phantom":
        console.print(PHANTOM, style="yellow")
    console.print(NOTICE, style="yellow")
    console.print(f"page: {page}", soft_wrap=True)


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False, show_edge=False, collapse_padding=True)
    for n, column in enumerate(columns):
        table.add_column(column, justify="right" if n else "left", no_wrap=True)
    return table


def _print_places(summary: Mapping[str, Any]) -> None:
    phantom = summary["mode"] == "phantom"
    key, metric, last = ("lesions", "energy", "mIoU") if phantom else ("boxes", "iou", "skill")
    over = summary["arms"][0][key]["over"]
    mean = f"mean over {over} findings" if over else "mean over all cases: no finding has 20"
    console.print(
        f"\n{summary['cases']['lesion']:,} true positives: share of the evidence in the lesion (energy), {mean}"
        if phantom
        else f"\n{summary['cases']['box']:,} boxed findings of the {summary['half']} half: IoU, {mean}",
        style="bold",
    )
    table = _table(("explainer", f"{metric} (95 %)", f"− {summary['reference']}", "p", last, "dead", "time"))
    for arm in summary["arms"]:
        entry = arm[key]
        difference = "reference" if arm["reference"] else interval(entry[metric]["difference"], 2)
        beside = number((headline(entry, "mask_iou") if phantom else entry["skill"])["value"], 2)
        primary = arm["label"] == summary["primary"]
        p = p_value(entry[metric]["difference"]["p" if primary else "p_holm"])
        cells = (_marked(headline(entry, metric)), difference, p)
        style = "bold" if primary else ""
        row = (_name(arm), *cells, beside, str(entry["dead"]), seconds(arm["seconds"]))
        table.add_row(*row, style=style)
    console.print(table)
    for arm in summary["arms"]:
        if arm[key][metric]["over"] < over:
            console.print(f"{_name(arm)}: mean over {arm[key][metric]['over']} of {over} findings", style="dim")
    said = "* control; † fewer than 20 cases: no verdict; intervals resample patients; dead maps count 0; time in s"
    console.print(f"{said}. {how_judged(summary)}", style="dim")


def _marked(entry: Mapping[str, Any]) -> str:
    return interval(entry, 2) + mark(entry)


def _name(arm: Mapping[str, Any]) -> str:
    return str(arm["label"]) + ("*" if arm["control"] else "")


def _print_recalls(summary: Mapping[str, Any]) -> None:
    found = speaks_for(summary)
    if not found:
        console.print("\nNo probability falls by .1 or more without a shortcut: there is nothing to recall.")
        return
    console.print("\nShortcut recall: share of the evidence in the mask of what the network leans on", style="bold")
    table = _table(("explainer", *(word for name in found for word in (f"{name} (95 %)", "best", "p"))))
    table.add_row("an even map", *(word for e in found.values() for word in (number(e["share"], 2), "", "")))
    for arm in summary["arms"]:
        mine = [arm["for"][name] for name in found]
        cells = [(_marked(e["recall"]), number(e["ceiling"], 2), p_value(e["difference"]["p_holm"])) for e in mine]
        table.add_row(_name(arm), *(word for three in cells for word in three))
    console.print(table)
    for name, entry in found.items():
        said = f"{name}: {entry['cases']} maps, {entry['studies']} studies, {entry['patients']} patients"
        console.print(said, style="dim")
    said = f"p: of no difference from {summary['reference']}, Holm over explainers and shortcuts together"
    console.print(f"best: the most that any map of this grid can have inside the mask. {said}", style="dim")


def _print_reliance(rows: Sequence[Mapping[str, Any]]) -> None:
    console.print("\nReliance: probability with the shortcut minus without it", style="bold")
    table = _table(("shortcut", "finding", "studies", "change (95 %)", "by .1 or more"))
    for row in rows[:MOST]:
        cells = (str(row["studies"]), interval(row["change"]) + mark(row["change"]), str(row["leaning"]))
        table.add_row(row["shortcut"], row["finding"], *cells)
    console.print(table)
    if len(rows) > MOST:
        said = f"the {MOST} largest mean sizes of {len(rows)}; brightness is everywhere and has no mask"
        console.print(said, style="dim")
