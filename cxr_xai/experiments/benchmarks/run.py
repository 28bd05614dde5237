"""Runs groups of benchmarks and shows their figures."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from cxr_xai.errors import UserError
from cxr_xai.experiments.benchmarks.aggregate import measure_aggregate
from cxr_xai.experiments.benchmarks.data import measure_data
from cxr_xai.experiments.benchmarks.explain import measure_explain
from cxr_xai.experiments.benchmarks.explain_boxes import measure_boxes
from cxr_xai.experiments.benchmarks.explain_controls import measure_controls
from cxr_xai.experiments.benchmarks.export import measure_export
from cxr_xai.experiments.benchmarks.stats import measure_stats
from cxr_xai.experiments.benchmarks.subgroups import measure_subgroups
from cxr_xai.experiments.benchmarks.sweep import measure_sweep
from cxr_xai.experiments.benchmarks.timing import Figure
from cxr_xai.experiments.benchmarks.train import measure_train
from cxr_xai.experiments.benchmarks.train_guidance import measure_guidance
from cxr_xai.experiments.benchmarks.train_loop import measure_loop
from cxr_xai.experiments.terminal import console, quiet_libraries
from cxr_xai.files import whole

GROUPS: dict[str, Callable[[int], list[Figure]]] = {
    "aggregate": measure_aggregate,
    "data": measure_data,
    "explain": lambda repeats: [*measure_explain(repeats), *measure_boxes(repeats), *measure_controls(repeats)],
    "export": measure_export,
    "stats": lambda repeats: [*measure_stats(repeats), *measure_subgroups(repeats)],
    "sweep": measure_sweep,
    "train": lambda repeats: [*measure_train(repeats), *measure_loop(repeats), *measure_guidance(repeats)],
}


def run_benchmarks(group: str, repeats: int, output: str | None) -> None:
    """Measure one group or all, print a table, and write it where asked.

    Args:
        group: ``all`` or a member of ``GROUPS``.
        repeats: turns of each contender.
        output: path of a CSV, or None.

    Raises:
        UserError: no such group.
    """
    if group != "all" and group not in GROUPS:
        raise UserError(f"group={group}: no such benchmark; there are {', '.join(GROUPS)} and all.")
    if repeats < 1:
        raise UserError(f"repeats={repeats}; it must be 1 or more.")
    quiet_libraries()
    figures = []
    for name, measure in GROUPS.items():
        if group in ("all", name):
            with console.status(f"measuring {name} …"):
                figures += measure(repeats)
    table = Table(title="Ratios of medians, contenders taking turns", title_justify="left")
    for column in ("what", "seconds", "baseline", "figure", "aim"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for f in figures:
        table.add_row(f.what, f"{f.seconds:.3g}", f"{f.baseline:.3g}", f"{f.ratio:.3g} {f.unit}", f.bound)
    console.print(table)
    if output is not None:
        with whole(Path(output)) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(asdict(figures[0])))
            writer.writeheader()
            writer.writerows(asdict(figure) for figure in figures)
