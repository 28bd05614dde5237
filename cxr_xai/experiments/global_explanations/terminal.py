"""What a person sees of regions on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.experiments.global_explanations.importance import MEAN
from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.aggregate_tables import PHANTOM
from cxr_xai.report.format import interval, name, number
from cxr_xai.report.tables import p_value

TWO_NETWORKS = (
    "Two networks, not two arms: each was trained once, and another seed of the same arm may differ as much. "
    "Intervals and p hold for other patients, not for other trainings."
)


ONE_RUN = "One run is not an arm: {names} was trained once, and another seed of it may differ as much."


def print_arms(summary: Mapping[str, Any], page: Path) -> None:
    """Print the share of every region in two arms, their difference, and what its interval holds for."""
    first, second = summary["arms"]
    heads = ("region", "of film", first, second, "difference", "p (Holm)")
    table = Table(box=SIMPLE_HEAD, title=f"Share of importance, {summary['films']} films, mean over findings")
    for head in heads:
        table.add_column(head, justify="left" if head == "region" else "right", overflow="fold")
    rows = summary["differences"][MEAN]
    for region in sorted(rows, key=lambda one: -rows[one]["share"]["first"]["value"]):
        share = rows[region]["share"]
        sides = [number(share[side]["value"]) for side in ("first", "second")]
        area, difference = number(summary["areas"][region], 2), interval(share["difference"], 2)
        table.add_row(region, area, *sides, difference, p_value(share["p_holm"]))
    table.caption = f"Shapley values of the logit ({summary['values']}); masked: {summary['masked']}"
    table.caption += f"\nregions: {summary['anatomy']}; difference: {first} − {second}"
    console.print(table)
    trained = ", ".join(f"{arm} {count}" for arm, count in summary["trainings"].items())
    console.print(f"[bold]trainings[/]: {trained}. {summary['intervals']}")
    if alone := [arm for arm, count in summary["trainings"].items() if count == 1]:
        console.print(ONE_RUN.format(names=" and ".join(alone)), style="yellow")
    if summary["protocol"]["source"] == "phantom":
        console.print(PHANTOM, style="yellow")
    console.print(NOTICE, style="yellow")
    console.print(f"page: {page}", soft_wrap=True)


def print_regions(summary: Mapping[str, Any], page: Path) -> None:
    """Print importance per region, where each finding's lies, and the difference to another run."""
    against = summary["against"]
    table = Table(box=SIMPLE_HEAD, title=f"Importance of regions, {summary['films']} films, mean over findings")
    for label in ("region", "mean |φ|", "of the film"):
        table.add_column(label, justify="left" if label == "region" else "right")
    if against is not None:
        for label in ("share", "other's", "difference", "p (Holm)"):
            table.add_column(label, justify="right")
    rows = summary["importance"][MEAN]
    for region in sorted(rows, key=lambda one: -rows[one]["size"]["value"]):
        size = rows[region]["size"]
        cells = [
            region,
            interval(size) if against is None else number(size["value"]),
            number(summary["areas"][region], 2),
        ]
        if against is not None:
            share = against["differences"][MEAN][region]["share"]
            cells += [number(share[key]["value"], 2) for key in ("first", "second")]
            cells += [interval(share["difference"], 2), p_value(share["p_holm"])]
        table.add_row(*cells)
    table.caption = (
        f"Shapley values of the logit ({summary['values']}); masked: {summary['masked']}\nregions: {summary['anatomy']}"
        + (f", unknown in {summary['unknown']} films" if summary["unknown"] else "")
    )
    console.print(table)
    if against is not None:
        console.print(TWO_NETWORKS, style="yellow")
    words = [
        f"{name(finding)} {max(regions, key=lambda one: regions[one]['size']['value'])}"
        for finding, regions in summary["importance"].items()
        if finding != MEAN
    ]
    console.print("[bold]largest region of each finding[/]: " + "; ".join(words))
    agree = ", ".join(f"{what} {number(value, 2)}" for what, value in summary["pairs_agree"].items())
    console.print(f"[bold]pairs of findings, rank correlation over pairs[/]: {agree}")
    console.print(NOTICE, style="yellow")
    console.print(f"page: {page}", soft_wrap=True)
