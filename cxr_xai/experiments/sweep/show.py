"""What a sweep shows on the terminal: its plan, a line per event, its cells and where they stand."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.sweep.launch import Job
from cxr_xai.experiments.sweep.plan import Found, Plan
from cxr_xai.experiments.sweep.states import CellState, Status, read_status
from cxr_xai.experiments.terminal import console

STYLES = {
    CellState.WAITING: "dim",
    CellState.QUEUED: "blue",
    CellState.RUNNING: "cyan",
    CellState.CUT_OFF: "yellow",
    CellState.FAILED: "red",
    CellState.PRUNED: "magenta",
    CellState.FINISHED: "green",
}
WORDS = {
    "started": "start",
    "finished": "done",
    "failed": "failed",
    "elsewhere": "wait",
    "stopping": "stop",
    "queued": "queue",
    "again": "again",
    "pruned": "pruned",
}
WORD_STYLES = {
    "started": "cyan",
    "finished": "green",
    "failed": "red",
    "elsewhere": "dim",
    "stopping": "yellow",
    "queued": "blue",
    "again": "yellow",
    "pruned": "magenta",
}
ENDS = ("finished", "failed", "pruned")
REFRESH = 2.0
"""Seconds between looks at progress."""


def print_plan(plan: Plan, found: Found) -> None:
    """Say how many cells there are, and what an epoch is where arms are compared."""
    counts = [f"{len(plan.ablation.arms)} arms"] if plan.ablation else []
    for name in plan.cells[0].cell.point:
        values = len({planned.cell.point[name] for planned in plan.cells})
        counts.append(f"{values} {name}{'s' if name in ('fold', 'seed') else ''}")
    if plan.ablation is not None and plan.ablation.explains:
        counts[0] = f"one training for {counts[0]}"
    console.print(f"[bold]{len(plan.cells)} cells[/] in {plan.home}: {' × '.join(counts) or 'one run'}", soft_wrap=True)
    if plan.ablation is not None:
        what = "evidence in lesions, or IoU with boxes" if plan.ablation.explains else "macro AUROC"
        console.print(f"[bold]primary contrast[/]: {plan.ablation.primary} against {plan.ablation.reference}, {what}")
        if plan.ablation.explains:
            arms = ", ".join(plan.ablation.arms)
            console.print(f"[bold]never retrained[/]: arms differ in the explainer alone; ranked afterwards: {arms}")
    for others, steps in found.items():
        epochs = next(planned.epochs for planned in plan.cells if planned.others == others)
        where = "".join(f" {name}={value}" for name, value in others)
        total = f"{steps.steps:,} an epoch × {epochs} = {steps.steps * epochs:,} in every cell"
        fewest = ", ".join(f"{arm} {batches:,}" for arm, batches in steps.available.items())
        console.print(f"[bold]equal steps{where}[/]: {total}")
        console.print(f"  fewest full batches of real studies: {fewest}", style="dim")


def print_cells(record: Mapping[str, Any], statuses: Sequence[Status], home: Path) -> None:
    """Print the table of cells and, below, why some have failed."""
    console.print(cell_table(record, statuses))
    console.print(reasons(record, statuses, home))


def cell_table(record: Mapping[str, Any], statuses: Sequence[Status], height: int | None = None) -> Group:
    """Make a table that fits 80 columns; where ``height`` is too little for all cells, idle ones are only counted."""
    cells = list(zip(record["cells"], statuses, strict=True))
    kind = "search" if "search" in record else "sweep"
    title = f"{record['ablation'] or kind}: {summarize_states(statuses)}"
    left_out = ""
    if height is not None and len(cells) > height - 6:
        shown = [
            (cell, status)
            for cell, status in cells
            if status.state not in (CellState.WAITING, CellState.QUEUED, CellState.FINISHED)
        ]
        left_out = f"{len(cells) - len(shown[: height - 6])} more cells are not shown"
        cells = shown[: height - 6]
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 0),
        pad_edge=False,
        show_edge=False,
    )
    axes = list(record["cells"][0]["axes"])
    columns = [*(["arm"] if record["ablation"] else []), *(axis.rpartition(".")[2] for axis in axes), "fold", "seed"]
    for name in (*columns, "state", "epoch", "done", "best", "left"):
        right = name in ("fold", "seed", "epoch", "done", "best", "left")
        table.add_column(name, justify="right" if right else "left", overflow="ellipsis", no_wrap=True)
    for cell, status in cells:
        values = [*([cell["arm"]] if record["ablation"] else []), *(cell["axes"][axis] for axis in axes)]
        values += ["–" if cell["fold"] is None else str(cell["fold"]), str(cell["seed"])]
        table.add_row(*values, Text(status.state.value, STYLES[status.state]), *_progress(status, cell))
    monitors = {status.progress["monitor"] for status in statuses if status.progress.get("monitor")}
    notes = [*([f"best: {min(monitors)}"] if monitors else []), *([left_out] if left_out else [])]
    return Group(table, Text("; ".join(notes), "dim")) if notes else Group(table)


def _progress(status: Status, cell: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return epoch, share done, best value and time left, as far as they are known."""
    progress = status.progress
    if not progress:
        return "", "", "", ""
    epochs, steps = max(progress["epochs"], cell["epochs"]), max(progress["steps"], 1)
    finished = status.state is CellState.FINISHED
    share = 1.0 if finished else min(progress["step"] / steps, 1.0)
    best = "" if progress["best"] is None else f"{progress['best']:.4f}"
    left = ""
    if status.state is CellState.RUNNING and share == 1:
        left = "tables"
    elif status.state is CellState.RUNNING and progress["pace"] is not None:
        passed = max(time.time() - progress["updated"], 0.0)
        left = duration(max((steps - progress["step"]) * progress["pace"] - passed, 0.0))
    return f"{min(progress['epoch'], epochs)}/{epochs}", f"{share:.0%}", best, left


def summarize_states(statuses: Sequence[Status]) -> str:
    """Count the states: ``3 finished, 1 running, 6 waiting``."""
    counts = Counter(status.state for status in statuses)
    order = (
        *(CellState.FINISHED, CellState.PRUNED, CellState.RUNNING, CellState.QUEUED),
        *(CellState.CUT_OFF, CellState.FAILED, CellState.WAITING),
    )
    return ", ".join(f"{counts[state]} {state.value}" for state in order if counts[state])


def reasons(record: Mapping[str, Any], statuses: Sequence[Status], home: Path) -> Group:
    """Say what cells are queued for, why others have failed, and where all that they said is kept."""
    lines = []
    for cell, status in zip(record["cells"], statuses, strict=True):
        if not status.reason:
            continue
        style = STYLES[status.state]
        lines.append(Text.from_markup(f"[{style}]{escape(_name(cell))}[/]: {escape(status.reason)}"))
        if status.state is CellState.FAILED:
            lines.append(Text(f"  {RunFolder(home / cell['folder']).output}", "dim"))
    return Group(*lines)


def _name(cell: Mapping[str, Any]) -> str:
    name = " ".join(str(v) for v in (cell["arm"], *cell["axes"].values()) if v is not None)
    fold = "" if cell["fold"] is None else f" fold {cell['fold']}"
    return f"{name}{fold} seed {cell['seed']}".strip()


def duration(seconds: float) -> str:
    """Say a length of time in the two largest units.

    >>> duration(42), duration(4000), duration(200_000)
    ('42 s', '1 h 06 min', '2 d 7 h')
    """
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{hours // 24} d {hours % 24} h"


class Terminal:
    """A line per event and, on a real terminal, a few lines below that move: what runs now.

    Args:
        total: cells of this launch.
    """

    def __init__(self, total: int) -> None:
        self.total, self.ended, self._looked = total, 0, 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Terminal":
        """Begin to move."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the lines of events only."""
        if self._live is not None:
            self._live.stop()

    def event(self, what: str, job: Job, note: str = "") -> None:
        """Print a line."""
        self.ended += what in ENDS
        count = f" ({self.ended} of {self.total})" if what in ENDS else ""
        note = {"elsewhere": f"{note} runs it; looked at again later", "stopping": "saves and stops"}.get(what, note)
        tail = f": {escape(note)}" if note else ""
        word = f"[{WORD_STYLES[what]}]{WORDS[what]:6}[/]"
        console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {word} {escape(job.label)}{count}{tail}", highlight=False)

    def tick(self, running: Sequence[Job], waiting: int) -> None:
        """Show what runs now."""
        if self._live is None or time.monotonic() - self._looked < REFRESH:
            return
        self._looked = time.monotonic()
        lines = [_line(job) for job in running]
        self._live.update(Group(*lines, Text(f"{waiting} to come", "dim")), refresh=True)


def _line(job: Job) -> Text:
    status = read_status(job.folder, job.epochs)
    epoch, done, best, left = _progress(status, {"epochs": job.epochs})
    parts = [f"epoch {epoch}", done, f"best {best}" if best else "", f"{left} left" if left else ""]
    said = "  ".join(part for part in parts if part) if epoch else "starting"
    return Text(f"  {job.label}  {said}", "cyan", overflow="ellipsis", no_wrap=True)
