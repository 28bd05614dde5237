"""Cells become tasks of an array: the only door to submitit."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.experiments.cluster import shield
from cxr_xai.experiments.cluster.held import held
from cxr_xai.experiments.cluster.resources import OPTIONS, Resources, srun_options
from cxr_xai.experiments.cluster.task import CellTask

LARGEST = 1000
"""Tasks of one array; Slurm takes 1,001 unless its administrator says otherwise."""


def require_submitit() -> None:
    """Refuse to begin without the library.

    Raises:
        UserError: names the extra that brings it.
    """
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise UserError(
            "hydra/launcher=slurm needs submitit: pip install 'cxr-xai[slurm]'; hydra/launcher=sbatch does without."
        ) from error


def submit_cells(
    cells: Sequence[CellTask],
    resources: Resources,
    tasks_per_node: int,
    logs: Path,
    name: str,
    time_limits: int,
    note: Callable[[int, Sequence[str]], None],
) -> None:
    """Submit cells as arrays.

    Args:
        cells: what the tasks run.
        resources: of one cell.
        tasks_per_node: processes of a cell on each node.
        logs: a folder for submissions, and for what tasks say before they know their cell.
        name: of the job.
        time_limits: how many of them a cell may run into before it counts as failed.
        note: is told of each array once Slurm has accepted it: the number of its first cell, and the task of each,
            ``12_3``, or ``12`` for a single one. A later array may be refused.

    Raises:
        UserError: Slurm refuses; in its own words.
    """
    import submitit

    start = [sys.executable, "-I", "-S", str(Path(shield.__file__).resolve()), sys.executable]
    executor = submitit.SlurmExecutor(logs, max_num_timeout=time_limits, python=shlex.join(start))
    executor.update_parameters(**make_parameters(resources, tasks_per_node, name))
    for first in range(0, len(cells), LARGEST):
        with held():  # Ctrl-C waits until what was submitted is known
            try:
                with executor.batch():
                    jobs = [executor.submit(cell) for cell in cells[first : first + LARGEST]]
            except (submitit.core.utils.FailedJobError, subprocess.CalledProcessError, OSError) as error:
                said = _last_line(str(error))
                raise UserError(f"Slurm refuses: {said}; see hydra.launcher.… for what is asked.") from error
            note(first, [str(job.job_id) for job in jobs])


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("sbatch: error: ") if lines else "without a word"


def make_parameters(resources: Resources, tasks_per_node: int, name: str) -> dict[str, Any]:
    """Return what submitit writes at the head of its script; what nobody chose is left out."""
    chosen: Mapping[str, Any] = {
        **{key: getattr(resources, key) for key in OPTIONS},
        "signal_delay_s": resources.signal_delay_s,
        "job_name": name,
        "ntasks_per_node": tasks_per_node,
        "array_parallelism": resources.jobs,
        "setup": list(resources.setup) or None,
        "stderr_to_stdout": True,
        "srun_args": srun_options(resources),
        "additional_parameters": {"requeue": True, **resources.additional_parameters},
    }
    return {key: value for key, value in chosen.items() if value is not None}
