"""What a person sees when explainers were tested."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.format import interval, number

SHOWN = {
    "faithfulness": ("deletion", "insertion", "road", "sensitivity_n"),
    "sensitivity": ("max_sensitivity",),
    "randomization": ("spearman_abs",),
    "collapse": ("pointing",),
    "equivariance": ("displacement",),
    "repeatability": ("spearman",),
    "findings": ("spearman",),
}
"""Measures printed; the page and the CSV have all."""

ARROWS = {"higher": "↑", "lower": "↓", "": ""}


def print_sanity(found: Mapping[str, Any], page: Path) -> None:
    """Print one table per explainer: every score beside its controls."""
    for label, entry in found.items():
        table = Table(
            box=SIMPLE_HEAD, title=f"Tests of {label}", title_justify="left", padding=(0, 1, 0, 0), pad_edge=False
        )
        for column in ("condition", "measure", "mean (95 %)", "beside", "dead"):
            table.add_column(column, justify="right" if column in ("mean (95 %)", "dead") else "left")
        last = ""
        for line in choose_lines(entry["lines"]):
            if last not in ("", line["test"]):
                table.add_section()
            last = line["test"]
            beside = ", ".join(f"{key} {number(one['value'], 2)}" for key, one in line["controls"].items())
            measure = f"{line['measure'].replace('_', ' ')} {ARROWS[line['better']]}"
            cells = (line["condition"].replace("_", " "), measure, interval(line, 2), beside)
            table.add_row(*(escape(cell) for cell in cells), f"{line['dead']:g}")
        table.caption = "↑ more, ↓ less speaks for the maps; beside: the same score of controls"
        table.caption_justify = "left"
        console.print(table)
    console.print(NOTICE, style="yellow")
    console.print(f"page: {page}", soft_wrap=True)


def choose_lines(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the lines that are printed: of a network randomized stage by stage, only where that begins and ends."""
    for test, measures in SHOWN.items():
        mine = [line for line in lines if line["test"] == test and line["measure"] in measures]
        if test in ("randomization", "collapse"):
            mine = [line for line in mine if not line["condition"].startswith("only ")]
            mine = [mine[0], mine[-1]] if len(mine) > 1 else mine
        yield from mine
