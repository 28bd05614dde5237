"""Is the cluster there, and would it take the job? Nothing is submitted."""

import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec

from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn

PATIENCE = 10.0
"""Seconds for an answer of the controller."""

OPTIONS = ("partition", "account", "qos", "constraint", "mem")
"""Settings of the launcher that ``sbatch`` takes under the same name."""


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
    code, said = ask(["sbatch", "--test-only", *list_options(case), "--wrap", "true"])
    if code:
        return broken(f"sbatch would refuse: {said}", "change hydra.launcher.… accordingly.")
    return ok(f"partitions {', '.join(partitions)}; {said.removeprefix('sbatch: ')}")


def list_options(case: Case) -> list[str]:
    """Return what the launcher would tell ``sbatch``."""
    given = {name: case.launching[name] for name in OPTIONS if case.launching.get(name) is not None}
    given |= {"time": case.launching["time"]} if case.launching.get("time") is not None else {}
    given |= {"nodes": case.launching["nodes"]} if case.launching.get("nodes") is not None else {}
    if case.launching.get("gpus_per_node"):
        given["gpus-per-node"] = case.launching["gpus_per_node"]
    if case.launching.get("cpus_per_task"):
        given["cpus-per-task"] = case.launching["cpus_per_task"]
    return [f"--{name}={value}" for name, value in given.items()]


def ask(command: Sequence[str]) -> tuple[int, str]:
    """Run a command; return its exit status and what it said, in a line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return 124, f"no answer in {PATIENCE:.0f} s"
    return done.returncode, " ".join((done.stdout + done.stderr).split())[:300]
