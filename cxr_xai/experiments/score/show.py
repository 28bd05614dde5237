"""What was scored, on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from cxr_xai.experiments.controls.show import show_controls
from cxr_xai.experiments.controls.summarize import tabulate_controls
from cxr_xai.experiments.terminal import NOTICE, console, interval
from cxr_xai.report.judged import describe_judge

SHOWN = 10
"""Problems on the terminal; the CSV has all."""


def print_score(summary: Mapping[str, Any], folder: Path) -> None:
    """Print the table, what was missing or odd, and where everything is.

    Args:
        summary: of `experiments.score.run.summarize`, with its protocol.
        folder: where it was written.
    """
    name, protocol = summary["maps"]["name"] or "maps", summary["protocol"]
    grids = list(summary["grids"])
    grid = tuple(int(n) for n in grids[0].split("x"))
    both = {name: summary["localization"], **summary["controls"]}
    table = tabulate_controls(both, (grid[0], grid[1]), protocol["image_size"])
    console.print(show_controls(table, f"{name}: {protocol['boxes']} boxes of {protocol['source']}"))
    console.print(describe_judge(protocol["judged_by"]))
    localization = summary["localization"]
    lines = {"all": localization["micro"], "live": localization["live"]}
    if "predicted" in localization:
        lines[f"predicted (prob ≥ {protocol['predicted_from']:g})"] = localization["predicted"]["micro"]
    for words, row in lines.items():
        cells = ", ".join(f"{key} {interval(row[key], 2)}" for key in ("iou", "pointing", "energy"))
        console.print(f"[bold]{words}[/]: {row['pairs']:,} maps, {cells}")
    if len(grids) > 1:
        sizes = ", ".join(f"{size} ({n:,})" for size, n in summary["grids"].items())
        console.print(f"[bold]grids[/]: {sizes}; each map is beside prior and ceiling of its own")
    counts = ", ".join(f"{n:,} {what}" for what, n in {**summary["counts"], "dead maps": summary["dead"]}.items() if n)
    console.print(f"[bold]found[/]: {counts}")
    for problem in summary["problems"][:SHOWN]:
        where = " ".join(filter(None, (problem["file"], problem["image_id"], problem["finding"])))
        console.print(f"  {escape(where)}: {escape(problem['problem'])}", style="yellow", soft_wrap=True)
    if (more := len(summary["problems"]) - SHOWN) > 0:
        console.print(f"  … and {more:,} more in problems.csv", style="yellow")
    console.print(NOTICE, style="yellow")
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True)
