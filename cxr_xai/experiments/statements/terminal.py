"""What a person sees of statements on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.format import interval
from cxr_xai.report.tables import p_value


def print_statements(summary: Mapping[str, Any], report: Path) -> None:
    """Print effect, interval and p of every statement, and the sentences."""
    table = Table(box=SIMPLE_HEAD, title=f"Statements, {summary['films']:,} test films, maps: {summary['explainer']}")
    for label in ("statement", "effect", "p (Holm)"):
        table.add_column(label, justify="left" if label == "statement" else "right")
    for one in summary["statements"]:
        table.add_row(one["claim"], interval(one["effect"]), p_value(one["p_holm"]))
    console.print(table)
    for number, one in enumerate(summary["statements"], 1):
        console.print(f"{number}. {one['found']}", highlight=False)
    console.print(NOTICE, style="yellow")
    console.print(f"report: {report}", soft_wrap=True)
