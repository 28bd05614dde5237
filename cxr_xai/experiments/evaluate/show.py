"""What a person sees of adjudicated labels on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.experiments.terminal import console
from cxr_xai.report.format import interval


def print_adjudicated(adjudicated: Mapping[str, Any]) -> None:
    """Print how mined labels agree with adjudicated ones, and AUROC against either."""
    title = f"Labels {adjudicated['whose']}: {adjudicated['films']:,} of the scored films"
    table = Table(box=SIMPLE_HEAD, title=title)
    for label in ("label", "union of", "both / mined / theirs", "kappa", "AUROC, theirs", "AUROC, mined"):
        table.add_column(label, justify="left" if label in ("label", "union of") else "right")
    for name, row in adjudicated["labels"].items():
        if not row["union"]:
            table.add_row(name, "none of ours", *["–"] * 4)
            continue
        agreed, auroc = row["agreement"], row["auroc"]
        cells = f"{agreed['both']} / {agreed['mined_only']} / {agreed['adjudicated_only']}"
        numbers = (agreed["kappa"], auroc["adjudicated"], auroc["mined"])
        table.add_row(name, ", ".join(row["union"]), cells, *(interval(entry, 2) for entry in numbers))
    console.print(table)
