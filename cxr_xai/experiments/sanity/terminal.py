"""What a person sees when explainers were tested."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.format import interval, number

SHOWN = {
    "faithfulness": ("deletion", "insertion", "road", "sensitivity_n", "infidelity"),
    "sensitivity": ("max_sensitivity",),
    "randomization": ("spearman_abs",),
    "collapse": ("pointing",),
    "equivariance": ("displacement",),
    "repeatability": ("spearman", "displacement"),
    "findings": ("spearman",),
}
"""Measures printed; the page and the CSV have all."""


def print_sanity(found: Mapping[str, Any], page: Path) -> None:
    """Print one table per explainer: every score beside its controls."""
    for label, entry in found.items():
        table = Table(box=SIMPLE_HEAD, title=f"Tests of {label}", title_justify="left", padding=(0, 1, 0, 0))
        for column in ("test", "condition", "measure", "better", "mean (95 %)", "controls", "dead"):
            table.add_column(column, justify="right" if column in ("mean (95 %)", "dead") else "left")
        last = ""
        for line in entry["lines"]:
            if line["measure"] not in SHOWN[line["test"]]:
                continue
            name = "" if line["test"] == last else line["test"]
            last = line["test"]
            controls = ", ".join(f"{key} {number(one['value'])}" for key, one in line["controls"].items())
            cells = (name, line["condition"], line["measure"], line["better"], interval(line), controls)
            table.add_row(*(escape(cell) for cell in cells), f"{line['dead']:g}")
        console.print(table)
    console.print(NOTICE, style="yellow")
    console.print(f"page: {page}", soft_wrap=True)
