"""Is the cluster there, and would it take the job? Nothing is submitted."""

import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import check_settings
from cxr_xai.experiments.cluster.resources import Resources, count_tasks, name_options
from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn

PATIENCE = 10.0
"""Seconds for an answer of the controller."""

OWN = ("_target_", "max_num_timeout", "wait", "poll")
"""Settings of a launcher that ask the cluster for nothing."""


def check(case: Case) -> Answer:
    """Ask the controller for its partitions, and ``sbatch --test-only`` whether the job could ever start."""
    asked = case.launcher in ("slurm", "sbatch")
    tools = [name for name in ("sinfo", "sbatch") if shutil.which(name) is None]
    if tools:
        if asked:
            todo = "start from a login node, or leave hydra/launcher out."
            return broken(f"hydra/launcher={case.launcher}, and {' and '.join(tools)} are not there", todo)
        return ok("not asked for, and not on this machine")
    if case.launcher == "slurm" and find_spec("submitit") is None:
        return broken("hydra/launcher=slurm, and submitit is not installed", "pip install 'cxr-xai[slurm]'")
    code, said = ask(["sinfo", "-h", "-o", "%R"])
    if code:
        lost = broken if asked else warn
        return lost(f"the controller does not answer: {said}", "is slurmctld up, and SLURM_CONF set?")
    partitions = sorted(set(said.split()))
    wanted = case.launching.get("partition")
    if asked and wanted is not None and (absent := set(str(wanted).split(",")) - set(partitions)):
        found = f"partition {min(absent)} is not among {', '.join(partitions)}"
        return broken(found, f"use hydra.launcher.partition={partitions[0]}.")
    if not asked:
        return ok(f"there, with {', '.join(partitions)}; hydra/launcher=slurm would use it")
    try:
        tasks = count_tasks(read_resources(case), [case.settings["trainer"]])
    except UserError as error:
        return broken(str(error), "the launcher and the trainer must ask for the same.")
    code, said = ask(["sbatch", "--test-only", *list_options(case, tasks), "--wrap", "true"])
    if code:
        return broken(f"sbatch would refuse: {said}", "change hydra.launcher.… accordingly.")
    return ok(f"partitions {', '.join(partitions)}; {said.removeprefix('sbatch: ')}")


def read_resources(case: Case) -> Resources:
    """Return what a cell asks for, checked as the launcher does."""
    given = {key: value for key, value in case.launching.items() if key not in OWN}
    return Resources(**check_settings(Resources, given, "hydra.launcher"))


def list_options(case: Case, tasks: int) -> list[str]:
    """Return what the launcher would tell ``sbatch``.

    Args:
        case: with the launcher's settings.
        tasks: on each node.
    """
    further = {str(key): value for key, value in (case.launching.get("additional_parameters") or {}).items()}
    given = {**name_options(case.launching), "ntasks-per-node": tasks, **further}
    return [f"--{name}={value}" for name, value in given.items()]


def ask(command: Sequence[str]) -> tuple[int, str]:
    """Run a command; return its exit status and what it said, in a line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return 124, f"no answer in {PATIENCE:.0f} s"
    return done.returncode, " ".join((done.stdout + done.stderr).split())[:300]
