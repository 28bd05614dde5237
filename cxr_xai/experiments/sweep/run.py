"""A sweep from request to result: plan, equal steps, record, launch, and what became of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.cluster.tasks import read_cells
from cxr_xai.experiments.state import move_aside
from cxr_xai.experiments.sweep.launch import Job, run_jobs
from cxr_xai.experiments.sweep.plan import Compose, Found, Planned, Request, make_plan, read_explainers
from cxr_xai.experiments.sweep.record import describe_sweep, extend, read_if_there, write_sweep
from cxr_xai.experiments.sweep.show import Terminal, print_cells, print_plan
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.experiments.terminal import console, quiet_libraries
from cxr_xai.files import read_json
from cxr_xai.lease import DURATION, Lease, find_owner

Launch = Callable[[Sequence[Sequence[str]]], bool]
Check = Callable[[Sequence[Mapping[str, Any]]], None]


def run_sweep(
    request: Request,
    compose: Compose,
    launch: Launch,
    dry: bool = False,
    fresh: bool = False,
    check: Check | None = None,
) -> None:
    """Run what is missing of a sweep.

    Args:
        request: what was asked for.
        compose: overrides → settings.
        launch: runs cells by their overrides and returns whether each has finished or failed; some may be left queued.
        dry: print the plan and an estimate instead; nothing is started or written.
        fresh: move every cell of the sweep aside, those of former launches too, and begin a new one.
        check: refuses settings that the launcher cannot run.

    Raises:
        UserError: something cannot run, found before anything starts; or cells failed, found at the end.
    """
    if request.jobs < 1:
        raise UserError(f"hydra.launcher.jobs={request.jobs}; it must be 1 or more.")
    plan = make_plan(request, compose)
    if check is not None:
        check([planned.settings for planned in plan.cells])
    found: Found = {}
    if plan.ablation is not None or dry:
        from cxr_xai.experiments.sweep.steps import Studies, equalize  # torch, some seconds

        quiet_libraries()
        studies = Studies(dry)
        if plan.ablation is None or not plan.ablation.explains:  # one training has no other to equal
            plan, found = equalize(plan, compose, studies)
    require_known_code(plan.cells, fresh)
    with nullcontext() if dry else claim_home(plan.home):
        former = read_if_there(plan.home)
        record = extend(None if fresh else former, describe_sweep(plan, found), plan.home)
        if fresh and not dry:
            clear(plan.home, [*({"cells": []} if former is None else former)["cells"], *record["cells"]])
        if not dry:
            write_sweep(plan.home, record)
    print_plan(plan, found)
    if dry:
        from cxr_xai.experiments.sweep.dry_run import print_dry_run

        ablation = plan.ablation if plan.ablation is not None and plan.ablation.explains else None
        print_dry_run(plan, studies, read_explainers(ablation, plan.cells[0], compose) if ablation else None)
        return
    statuses = [read_status(planned.folder, planned.epochs) for planned in plan.cells]
    due = [p for p, status in zip(plan.cells, statuses, strict=True) if status.state is not CellState.FINISHED]
    if not launch([planned.cell.overrides for planned in due]):
        return
    conclude(describe_sweep(plan, found), plan.home, fresh)
    if plan.ablation is not None and plan.ablation.explains:
        from cxr_xai.experiments.leaderboard.sweep import rank_cells  # torch

        rank_cells(plan, compose)


@contextmanager
def claim_home(home: Path) -> Iterator[None]:
    """Keep other launches from writing ``sweep.json`` between our look at it and our writing."""
    lease = Lease(home / "sweep.lock")
    if not lease.take(timeout=DURATION + 5):
        raise UserError(
            f"{lease.path} is held by {find_owner(lease.path) or 'another process'}; wait for it, or end it."
        )
    try:
        yield
    finally:
        lease.release()


def conclude(record: Mapping[str, Any], home: Path, fresh: bool = False) -> None:
    """Show what became of the cells of a launch.

    Raises:
        UserError: some have failed or are missing.
    """
    statuses = read_cells(record, home)
    print_cells(record, statuses, home)
    if missing := [status for status in statuses if status.state is not CellState.FINISHED]:
        command = "the same command without fresh=true" if fresh else "the same command"
        raise UserError(
            f"{len(missing)} of {len(statuses)} cells did not finish; {command} runs them again and leaves the "
            "others alone."
        )


Composed = tuple[Sequence[str], dict[str, Any], dict[str, str]]
"""Overrides of a cell, its settings and choices."""


def run_here(cells: Sequence[Composed], command: Sequence[str], jobs: int) -> None:
    """Run composed cells as processes of this machine."""
    due = [make_job(*cell) for cell in cells]
    with Terminal(len(due)) as terminal:
        run_jobs(due, command, jobs, terminal)


def make_job(overrides: Sequence[str], settings: dict[str, Any], choices: dict[str, str]) -> Job:
    """Return what a launcher needs to know of a cell."""
    cell = name_cell(settings, choices)
    folder = RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / cell)
    return Job(name_job(cell, settings), overrides, folder, int(settings["trainer"]["max_epochs"]))


def name_job(cell: str, settings: dict[str, Any]) -> str:
    """Name a cell shortly: its arm, fold, seed and the hash of its folder, or its folder where it has no arm.

    Without the hash, cells that differ in a comma override alone would have one name.
    """
    fold = settings["split"].get("fold")
    parts = [settings["arm"] or cell, *([] if fold is None else [f"fold {fold}"]), f"seed {settings['seed']}"]
    return f"{' '.join(parts)} ({cell.rpartition('-')[2]})" if settings["arm"] else cell


def require_known_code(cells: Sequence[Planned], fresh: bool) -> None:
    """Refuse to add to cells that other code made: a table must not mix the two.

    Raises:
        UserError: names how many, and the override that starts anew.
    """
    now = hash_code()
    made = [p.folder.certificate for p in cells if p.folder.certificate.is_file()]
    other = [path for path in made if read_json(path)["code"]["sha256"] != now]
    if other and not fresh:
        raise UserError(
            f"{len(other)} of {len(cells)} cells were made by other code, {other[0].parent.name} for one; "
            "fresh=true moves them aside and runs them anew, name=… starts another sweep."
        )


def clear(home: Path, cells: Sequence[Mapping[str, Any]]) -> None:
    """Move aside what the folders of recorded cells hold, runs at work excepted."""
    for name in dict.fromkeys(str(cell["folder"]) for cell in cells):
        folder = RunFolder(home / name)
        if read_status(folder).state is not CellState.RUNNING and (aside := move_aside(folder)):
            console.print(f"moved the former run to {aside}", soft_wrap=True)
