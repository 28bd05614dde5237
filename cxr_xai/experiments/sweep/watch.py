"""The cells of a sweep and where they stand, once or again and again."""

import time
from pathlib import Path

from rich.console import Group
from rich.live import Live

from cxr_xai.experiments.cluster.tasks import read_cells
from cxr_xai.experiments.sweep.record import read_sweep, wanted
from cxr_xai.experiments.sweep.show import cell_table, print_cells, reasons
from cxr_xai.experiments.sweep.states import CellState
from cxr_xai.experiments.terminal import console

ENDED = (CellState.FINISHED, CellState.FAILED, CellState.PRUNED)

PERIOD = 2.0
"""Seconds between two looks."""


def show_sweep(runs: str | Path, watch: bool) -> None:
    """Print the table of a sweep; on a terminal, renew it until nothing is left to wait for.

    Args:
        runs: the folder with ``sweep.json``.
        watch: False prints once, as does an output that is no terminal.

    Raises:
        UserError: the folder holds no sweep.
    """
    home = Path(runs)
    if watch and console.is_terminal:
        _watch(home)
    record = read_sweep(home)
    print_cells(record, read_cells(record, home), home)


def _watch(home: Path) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            record = read_sweep(home)
            statuses = read_cells(record, home)
            if all(status.state in ENDED for status in statuses) and len(statuses) >= wanted(record):
                return
            why = reasons(record, statuses, home)
            height = console.height - 2 * sum(status.state is CellState.FAILED for status in statuses)
            live.update(Group(cell_table(record, statuses, height), why), refresh=True)
            time.sleep(PERIOD)
