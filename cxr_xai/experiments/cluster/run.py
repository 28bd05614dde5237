"""Cells on a cluster, from their settings to what became of them; or written down for ``sbatch``."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from cxr_xai.errors import UserError
from cxr_xai.experiments.cluster.follow import Follower, Submitted
from cxr_xai.experiments.cluster.queue import Unreachable, read_tasks
from cxr_xai.experiments.cluster.resources import Resources, count_tasks
from cxr_xai.experiments.cluster.script import write_script
from cxr_xai.experiments.cluster.submit import submit_cells
from cxr_xai.experiments.cluster.task import CellTask
from cxr_xai.experiments.cluster.tasks import note_submitted, read_epochs, read_submitted
from cxr_xai.experiments.sweep.launch import Job
from cxr_xai.experiments.sweep.run import Composed, claim_home, make_job
from cxr_xai.experiments.sweep.show import Terminal
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.experiments.terminal import console
from cxr_xai.files import whole

LOGS = "slurm"
SCRIPT = "array.sbatch"


def run_on_slurm(cells: Sequence[Composed], resources: Resources, time_limits: int, wait: bool, poll: float) -> bool:
    """Submit what is neither queued nor running, and wait for all; return whether all cells have ended.

    Args:
        cells: unfinished ones.
        resources: of each.
        time_limits: how many of them a cell may run into.
        wait: False returns once cells are submitted.
        poll: seconds between looks at the queue.

    Raises:
        UserError: Slurm does not answer, or refuses.
        KeyboardInterrupt: Ctrl-C; what is queued or running stays so.
    """
    if not cells:
        return True
    home = make_job(*cells[0]).folder.path.parent
    with claim_home(home):
        submitted = _submit_missing(cells, resources, time_limits, home)
    if not wait:
        _tell_left(submitted, home)
        return False
    with Terminal(len(submitted)) as terminal:
        follower = Follower(submitted, terminal)
        try:
            follower.wait(poll)
        except BaseException:  # Ctrl-C and signals: the cluster goes on without us
            _tell_left(follower.left, home)
            raise
    return True


def _submit_missing(cells: Sequence[Composed], resources: Resources, time_limits: int, home: Path) -> list[Submitted]:
    jobs = [make_job(*cell) for cell in cells]
    noted = read_submitted(home)
    try:
        known = read_tasks([noted[job.folder.path.name] for job in jobs if job.folder.path.name in noted])
    except Unreachable as error:
        raise UserError(f"Slurm does not answer ({error}); nothing was submitted. Try again.") from error
    _require_enough(jobs, {name: task for name, task in noted.items() if task in known and known[task].alive}, home)
    tasks: dict[str, str | None] = {}
    for job in jobs:
        task = noted.get(job.folder.path.name)
        if task in known and known[task].alive:
            tasks[job.folder.path.name] = task
        elif read_status(job.folder, job.epochs).state is CellState.RUNNING:
            tasks[job.folder.path.name] = None
    missing = [cell for cell, job in zip(cells, jobs, strict=True) if job.folder.path.name not in tasks]
    if joined := sum(task is not None for task in tasks.values()):
        console.print(f"{joined} of {len(jobs)} cells are queued or running already", soft_wrap=True)
    if missing:
        tasks |= _submit(missing, resources, time_limits, home)
    return [Submitted(job, tasks[job.folder.path.name]) for job in jobs]


def _require_enough(jobs: Sequence[Job], alive: Mapping[str, str], home: Path) -> None:
    """Refuse to join tasks that would end before what is asked for now: they keep the settings they were given.

    Raises:
        UserError: names a task, and both ways out.
    """
    epochs = read_epochs(home)
    for job in jobs:
        name = job.folder.path.name
        if name in alive and epochs.get(name, job.epochs) < job.epochs:
            raise UserError(
                f"task {alive[name]} of {job.label} was submitted with trainer.max_epochs={epochs[name]}, and now "
                f"{job.epochs} are asked for; wait for its end, or scancel {alive[name]}, then the same command."
            )


def _submit(cells: Sequence[Composed], resources: Resources, time_limits: int, home: Path) -> dict[str, str]:
    jobs = [make_job(*cell) for cell in cells]
    runs = [
        CellTask(settings, choices, job.folder.output.resolve())
        for job, (_, settings, choices) in zip(jobs, cells, strict=True)
    ]
    per_node = count_tasks(resources, [settings["trainer"] for _, settings, _ in cells])
    found: dict[str, str] = {}

    def note(first: int, tasks: Sequence[str]) -> None:
        accepted = jobs[first : first + len(tasks)]
        new = {job.folder.path.name: task for job, task in zip(accepted, tasks, strict=True)}
        note_submitted(home, new, {job.folder.path.name: job.epochs for job in accepted})
        found.update(new)
        for job in accepted:  # only now: a refusal must not lose the reasons
            job.folder.failure.unlink(missing_ok=True)

    submit_cells(runs, resources, per_node, home / LOGS, name_array(home), time_limits, note)
    return found


def name_array(home: Path) -> str:
    """Name the job after the sweep."""
    return f"cxr-{home.name}"


def _tell_left(left: Sequence[Submitted], home: Path) -> None:
    """Say that tasks stay, how to look at them, and how to end them."""
    numbers = sorted({entry.task.partition("_")[0] for entry in left if entry.task}, key=int)
    if not numbers:
        return
    console.print(f"{len(left)} cells stay queued or running; the same command joins them.", soft_wrap=True)
    console.print(f"  look: python scripts/sweep_status.py runs={shlex.quote(str(home))}", soft_wrap=True)
    console.print(f"  end:  scancel {' '.join(numbers)}", soft_wrap=True)


def write_recipe(cells: Sequence[Composed], resources: Resources, command: Sequence[str]) -> bool:
    """Write ``array.sbatch`` beside the cells and say how to submit it; nothing is submitted, so none has ended."""
    if not cells:
        return True
    jobs = [make_job(*cell) for cell in cells]
    home = jobs[0].folder.path.parent
    per_node = count_tasks(resources, [settings["trainer"] for _, settings, _ in cells])
    (home / LOGS).mkdir(parents=True, exist_ok=True)
    with whole(home / SCRIPT) as partial:
        partial.write_text(write_script(jobs, resources, per_node, command, home / LOGS, name_array(home)))
    console.print(f"{len(jobs)} cells are written down; submit them with", soft_wrap=True)
    console.print(f"  sbatch {shlex.quote(str(home / SCRIPT))}", soft_wrap=True)
    console.print(f"  look: python scripts/sweep_status.py runs={shlex.quote(str(home))}", soft_wrap=True)
    return False
