"""The plan of a sweep on the terminal, with what it will cost; nothing is started or written."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.experiments.sweep.plan import Found, Plan
from cxr_xai.experiments.sweep.states import read_status
from cxr_xai.experiments.terminal import console


def print_dry_run(plan: Plan, found: Found) -> None:
    """Print cells, states and folders."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("cell", "state", "folder"):
        table.add_column(name, overflow="fold")
    for planned in plan.cells:
        state = read_status(planned.folder, planned.epochs).state.value
        table.add_row(planned.cell.label(), state, planned.folder.path.name)
    console.print(table)
