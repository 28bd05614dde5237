"""A search from request to result: check, claim, work, and what came out."""

from collections.abc import Sequence
from functools import partial

from cxr_xai.errors import UserError
from cxr_xai.experiments.search.drive import Driver
from cxr_xai.experiments.search.outcome import write_outcome
from cxr_xai.experiments.search.settings import Search, read_search
from cxr_xai.experiments.search.show import print_outcome, print_search
from cxr_xai.experiments.search.trials import Trial, Trials
from cxr_xai.experiments.sweep.plan import Compose, Plan, Planned, Request
from cxr_xai.experiments.sweep.record import describe_sweep, extend, read_if_there, write_sweep
from cxr_xai.experiments.sweep.run import claim_home, clear
from cxr_xai.experiments.sweep.show import Terminal
from cxr_xai.experiments.terminal import console, quiet_libraries
from cxr_xai.lease import find_owner


def run_search(
    request: Request, compose: Compose, command: Sequence[str], dry: bool = False, fresh: bool = False
) -> None:
    """Work at a search until it has as many trials as were asked for.

    Args:
        request: what was asked for.
        compose: overrides → settings.
        command: program and script that take a cell's overrides.
        dry: print the space and an estimate instead; nothing is started or written.
        fresh: move trials and their cells aside, and begin anew.

    Raises:
        UserError: something cannot run, found before anything starts; or no trial finished.
    """
    search = read_search(request, compose)
    quiet_libraries()
    if dry:
        from cxr_xai.experiments.search.dry_run import print_dry_run  # torch, some seconds

        print_search(search)
        print_dry_run(search)
        return
    with claim_home(search.home):
        require_search(search)
        if fresh:
            begin_anew(search)
        trials = Trials(search)
        repeated = trials.repeat_failed()
    print_search(search)
    before = sum(seen.state in ("complete", "pruned", "fail") for seen in trials.look())
    if before or repeated:
        words = f", {repeated} failed ones are tried again" if repeated else ""
        console.print(f"  going on: {before} trials have ended before{words}", style="dim")
    with Terminal(search.asked.trials) as terminal:
        terminal.ended = before
        claim, cell = partial(claim_home, search.home), partial(place, search)
        Driver(trials, claim, cell, command, request.jobs, terminal).run()
    conclude(search, trials)


def require_search(search: Search) -> None:
    """Refuse a folder that holds a sweep of another kind.

    Raises:
        UserError: names it.
    """
    if (former := read_if_there(search.home)) is not None and "search" not in former:
        raise UserError(f"{search.home} holds a sweep that is no search; give this one a name=… of its own.")


def place(search: Search, trial: Trial) -> Planned:
    """Compose the cell of a trial, and add it to ``sweep.json``."""
    planned = search.plan(trial.params)
    record = describe_sweep(Plan(search.request, None, [planned]), {})
    record["search"] = {"trials": search.asked.trials, "monitor": search.asked.monitor}
    write_sweep(search.home, extend(read_if_there(search.home), record, search.home))
    return planned


def begin_anew(search: Search) -> None:
    """Move aside what a former search left.

    Raises:
        UserError: it is at work, or its storage is not ours to move.
    """
    if search.asked.storage is not None:
        raise UserError("fresh=true moves no storage that has a place of its own; name another sweep.search.storage=….")
    if busy := next((path for path in search.folder.glob("trial-*.lock") if find_owner(path)), None):
        raise UserError(f"{busy.stem} is at work ({find_owner(busy)}); wait for it, or end it, before fresh=true.")
    former = read_if_there(search.home)
    clear(search.home, [] if former is None else former["cells"])
    (search.home / "sweep.json").unlink(missing_ok=True)
    if search.folder.is_dir():
        number = 1
        while (aside := search.folder.with_name(f"search~{number}")).exists():
            number += 1
        search.folder.rename(aside)
        console.print(f"moved the former search to {aside}", soft_wrap=True)


def conclude(search: Search, trials: Trials) -> None:
    """Write and show what came out.

    Raises:
        UserError: no trial finished.
    """
    seen, importance = trials.look(), trials.importance()
    best = write_outcome(search, seen, importance)
    print_outcome(search, seen, importance, best)
    if best is None:
        reason = next((each.notes["reason"] for each in seen if each.notes.get("reason")), "all were pruned")
        raise UserError(f"none of {len(seen)} trials finished; the first of them: {reason}")
