"""The plan of a sweep with what it will cost and could find; nothing is started or written."""

import math
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cxr_xai.experiments.sweep.estimate import Cost, estimate_all, measure_start
from cxr_xai.experiments.sweep.explainer_cost import count_maps, measure_explainers, name_slowest
from cxr_xai.experiments.sweep.plan import Plan
from cxr_xai.experiments.sweep.show import STYLES, duration
from cxr_xai.experiments.sweep.states import CellState, Status, read_status
from cxr_xai.experiments.sweep.steps import Studies
from cxr_xai.experiments.terminal import console
from cxr_xai.stats.power import DetectableEffect, minimum_detectable_effect

Settings = Mapping[str, Any]


def print_dry_run(plan: Plan, studies: Studies, explainers: Mapping[str, Settings] | None = None) -> None:
    """Print cells, time, disk and the smallest difference that they could find.

    Args:
        plan: of the sweep.
        studies: of its cells.
        explainers: of the leaderboard that follows, where arms differ in the explainer alone.
    """
    statuses = [read_status(planned.folder, planned.epochs) for planned in plan.cells]
    with console.status("a few training steps of every arm …"):
        costs, measured = estimate_all(plan.cells, studies)
        start = measure_start()
    console.print(plan_table(plan, statuses, costs))
    if not studies.exact:
        console.print("Films are not decoded yet: counts are those before quarantine.", style="yellow")
    due = [cost for cost, status in zip(costs, statuses, strict=True) if status.state is not CellState.FINISHED]
    jobs = plan.request.jobs
    source = f"{measured} kinds of cell measured on this device" if measured else "from finished cells"
    total = duration(sum(cost.seconds + start for cost in due) / max(min(jobs, len(due)), 1))
    console.print(f"[bold]time[/]: {total} for the {len(due)} cells to run, {jobs} at a time")
    console.print(f"  {source}; {start:.0f} s for the start of each; tables and report come on top", style="dim")
    if explainers:
        print_leaderboard_time(plan, studies, explainers)
    print_disk(plan, sum(cost.disk for cost in due))
    if plan.ablation is not None and not plan.ablation.explains:
        print_power(plan, studies)
    console.print("A dry run: nothing was started or written.", style="yellow")


def print_leaderboard_time(plan: Plan, studies: Studies, explainers: Mapping[str, Settings]) -> None:
    """Say what the leaderboard takes at most, from one film by every explainer, and what is not in that."""
    assert plan.ablation is not None
    with console.status("one film by every explainer …"):
        seconds = measure_explainers(plan.cells[0].settings, explainers)
    maps = [count_maps(planned, studies, plan.ablation.max_studies) for planned in plan.cells]
    each = sum(value for value in seconds.values() if not math.isnan(value))
    many = f"{len(explainers)} explainers × {max(maps):,} maps × {len(plan.cells)} cells"
    console.print(f"[bold]leaderboard[/]: on top, {duration(each * sum(maps))} at most for {many}, one after another")
    console.print(f"  one film and finding by each, measured: {name_slowest(seconds)}", style="dim")
    console.print("  not in it: maps of shortcuts, whose number the network decides, and scoring", style="dim")


def plan_table(plan: Plan, statuses: Sequence[Status], costs: Sequence[Cost]) -> Table:
    """Make the table of cells: name, state, cost, and the folder below the sweep's."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for name in ("cell", "state", "time", "disk", "folder"):
        table.add_column(name, justify="right" if name in ("time", "disk") else "left", no_wrap=name != "folder")
    for planned, status, cost in zip(plan.cells, statuses, costs, strict=True):
        state = Text(status.state.value, STYLES[status.state])
        label = Text(planned.cell.label(), overflow="ellipsis")
        table.add_row(label, state, duration(cost.seconds), size(cost.disk), short_folder(planned.folder.path.name))
    return table


def short_folder(name: str) -> str:
    """Leave fold, seed and hash of a folder's name, which find it; the rest says what the cell says.

    >>> short_folder("phantom-resnet10-bce-none-kfold-f0-s0-2805fb78")
    '…-f0-s0-2805fb78'
    """
    parts = name.split("-")
    return "…-" + "-".join(parts[-3:] if len(parts) > 3 and parts[-3].startswith("f") else parts[-2:])


def size(number: float) -> str:
    """Say a number of bytes.

    >>> size(25_053_390), size(4.2e10)
    ('25 MB', '42 GB')
    """
    for unit, scale in (("TB", 1e12), ("GB", 1e9)):
        if number >= scale:
            return f"{number / scale:.3g} {unit}"
    return f"{number / 1e6:.0f} MB"


def print_disk(plan: Plan, needed: float) -> None:
    """Say what the missing cells will leave, beside what is free."""
    place = next(path for path in (plan.home, *plan.home.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    kept = " and ".join(plan.cells[0].settings["keep"])
    console.print(f"[bold]disk[/]: {size(needed)}, keeping {kept} of the checkpoints; {size(free)} are free")
    if needed > free:
        console.print("That is more than there is: name another place by paths.outputs=…, or keep=[best].", style="red")


def print_power(plan: Plan, studies: Studies) -> None:
    """Say the smallest difference of macro AUROC that the primary contrast would find."""
    assert plan.ablation is not None
    for others in dict.fromkeys(planned.others for planned in plan.cells):
        effect, folds, seeds = detectable(plan, others, studies)
        where = "".join(f" {name}={value}" for name, value in others)
        contrast = f"{plan.ablation.primary} against {plan.ablation.reference}"
        console.print(f"[bold]minimum detectable effect{where}[/]: {effect.macro:.4f} macro AUROC, {contrast}")
        assumed = f"folds: {folds}, seeds: {seeds}, 80 % power, two-sided 5 %, an AUROC of .80 assumed"
        console.print(f"  {assumed}", style="dim")


def detectable(plan: Plan, others: object, studies: Studies) -> tuple[DetectableEffect, int, int]:
    """Return the effect that a group of cells could find over all studies it tests, and its folds and seeds."""
    assert plan.ablation is not None
    cells = [p for p in plan.cells if p.others == others and p.cell.arm == plan.ablation.reference]
    seeds = len({planned.settings["seed"] for planned in cells})
    folds = {planned.fold: planned for planned in cells}
    positives, negatives, patients = 0, 0, 0
    for planned in folds.values():
        index, split = studies.look(planned.settings)
        rows = [row for row in split.rows("test") if index.present[row]]
        positives = positives + np.nansum(index.targets[rows] == 1, axis=0)
        negatives = negatives + np.nansum(index.targets[rows] == 0, axis=0)
        patients += index.studies["patient_id"].iloc[rows].nunique()
    effect = minimum_detectable_effect(positives, negatives, patients, seeds=seeds, folds=len(folds))
    return effect, len(folds), seeds
