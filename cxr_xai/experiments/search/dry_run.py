"""What a search will cost; nothing is started or written."""

from cxr_xai.experiments.search.settings import Search
from cxr_xai.experiments.sweep.dry_run import print_disk
from cxr_xai.experiments.sweep.estimate import estimate_all, measure_start
from cxr_xai.experiments.sweep.plan import Plan
from cxr_xai.experiments.sweep.record import read_if_there
from cxr_xai.experiments.sweep.show import duration
from cxr_xai.experiments.sweep.steps import Studies
from cxr_xai.experiments.terminal import console, quiet_libraries


def print_dry_run(search: Search) -> None:
    """Print time and disk of the trials to come, as if none of them were pruned or ended early."""
    known = len((read_if_there(search.home) or {"cells": []})["cells"])
    due, jobs = max(search.asked.trials - known, 0), search.request.jobs
    quiet_libraries()
    studies = Studies(dry=True)
    studies.look(search.base.settings)  # without data nothing need be measured
    with console.status("a few training steps …"):
        costs, _ = estimate_all([search.base], studies)
        start = measure_start()
    total = duration(due * (costs[0].seconds + start) / max(min(jobs, due), 1))
    console.print(f"[bold]time[/]: {total} at most for {due} trials to come, {jobs} at a time")
    console.print(
        "  a run of the command's own settings, measured on this device; pruned trials take less", style="dim"
    )
    print_disk(Plan(search.request, None, [search.base]), due * costs[0].disk)
    console.print("A dry run: nothing was started or written.", style="yellow")
