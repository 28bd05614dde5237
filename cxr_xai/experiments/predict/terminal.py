"""What a person sees when a folder was predicted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from cxr_xai.experiments.terminal import NOTICE, console, make_table
from cxr_xai.report.format import number


def print_predicted(record: Mapping[str, Any], page: Path) -> None:
    """Print how many films each finding is predicted on, and what was left out."""
    table = make_table(f"{record['films']:,} films", ("finding", "predicted", "mean p", "threshold", "dead maps"))
    for name, row in record["findings"].items():
        cells = (f"{row['predicted']:,}", number(row["mean"]), number(record["thresholds"][name]), f"{row['dead']:,}")
        table.add_row(name.replace("_", " "), *cells)
    console.print(table)
    for what, key in (("left out", "problems"), ("odd", "notes")):
        if record[key]:
            words = ", ".join(f"{count:,} {reason}" for reason, count in record[key].items())
            console.print(f"[bold]{what}[/]: {escape(words)}", style="yellow", soft_wrap=True)
    if record["copies"]:
        console.print(f"[bold]copies[/]: {record['copies']:,} films have the pixels of another")
    if record["source"] == "phantom":
        console.print("The network was trained on the phantom; it says nothing about patients.", style="yellow")
    console.print(NOTICE, style="yellow")
    console.print(f"page: {page}", soft_wrap=True)
