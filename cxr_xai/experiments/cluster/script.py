"""The text of ``array.sbatch``: cells as an array of Slurm, for which ``sbatch`` alone is needed."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from cxr_xai.experiments.cluster.resources import Resources, name_options, srun_options
from cxr_xai.experiments.sweep.launch import Job

RESTARTS = 50
"""Times that a task goes back into the queue before its cell counts as failed, as ``max_num_timeout`` of slurm.yaml.

``SLURM_RESTART_COUNT`` counts preemptions, too.
"""

BODY = """\
# One cell of the sweep per task of the array. Slurm sends SIGUSR1 {delay} s before the time is up, and that or SIGTERM
# when it takes the node back: the run saves, and is queued again to go on in its own folder.
cd {cwd} || exit 1
{setup}case "$SLURM_ARRAY_TASK_ID" in
{cells}
esac
mkdir -p "$folder"
began=$(stat -c %s "$folder/output.log" 2>/dev/null || echo 0)
trap true TERM USR1 USR2 # this shell stays, to see how the run ends
srun {options} --open-mode=append --output="$folder/output.log" {command} "$@"
code=$?
task="${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" # SLURM_JOB_ID of the last one is the number of the whole array
case $code in
0) exit ;;
138|140|143) # stopped by SIGUSR1, SIGUSR2 or SIGTERM; a cancelled task gets SIGTERM too, and counts as running no more
  [ "$(squeue --noheader --jobs="$task" --format=%T)" = RUNNING ] || exit $code
  [ "${{SLURM_RESTART_COUNT:-0}}" -ge {restarts} ] || exec scontrol requeue "$task" ;;
esac
{python} -m cxr_xai.experiments.cluster.note "$folder" "$epochs" $code "$began"
exit $code
"""


def write_script(
    jobs: Sequence[Job], resources: Resources, tasks_per_node: int, command: Sequence[str], logs: Path, name: str
) -> str:
    """Return the script.

    Args:
        jobs: cells to run.
        resources: of one cell.
        tasks_per_node: processes of a cell on each node.
        command: the program and script that take a job's overrides.
        logs: a folder for what tasks say outside of their cell.
        name: of the job.
    """
    options = {
        "job-name": name,
        "array": f"0-{len(jobs) - 1}%{resources.jobs}",
        "ntasks-per-node": tasks_per_node,
        "signal": f"USR1@{resources.signal_delay_s}",
        "requeue": True,
        "open-mode": "append",
        "output": f"{logs.resolve()}/%A_%a.log",
        **name_options(vars(resources)),
        **resources.additional_parameters,
    }
    lines = [_option(key, value) for key, value in options.items() if value is not None and value is not False]
    cells = [
        f"{number}) folder={shlex.quote(str(job.folder.path.resolve()))}; epochs={job.epochs}; "
        f"set -- {shlex.join(job.overrides)} ;;"
        for number, job in enumerate(jobs)
    ]
    body = BODY.format(
        delay=resources.signal_delay_s,
        cwd=shlex.quote(str(Path.cwd())),
        setup="".join(f"{line}\n" for line in resources.setup),
        cells="\n".join(cells),
        options=shlex.join(srun_options(resources)),
        command=shlex.join(command),
        restarts=RESTARTS,
        python=shlex.quote(command[0]),
    )
    return "\n".join(["#!/bin/bash", *lines, "", body])


def _option(key: str, value: object) -> str:
    return f"#SBATCH --{key}" if value is True else f"#SBATCH --{key}={shlex.quote(str(value))}"
