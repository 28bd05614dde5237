"""Runs all checks, whatever one of them meets."""

from collections.abc import Callable, Mapping

from cxr_xai.errors import UserError
from cxr_xai.experiments.doctor import (
    choices,
    data,
    devices,
    disk,
    explainer,
    extras,
    films,
    processes,
    slurm,
    versions,
    wandb,
    weights,
)
from cxr_xai.experiments.doctor.case import Answer, Case, broken
from cxr_xai.experiments.failures import explain_failure

Check = Callable[[Case], Answer]

CHECKS: Mapping[str, Check] = {
    "choices": choices.check,
    "versions": versions.check,
    "extras": extras.check,
    "data": data.check,
    "films": films.check,
    "weights": weights.check,
    "explainer": explainer.check,
    "devices": devices.check,
    "processes": processes.check,
    "disk": disk.check,
    "W&B": wandb.check,
    "Slurm": slurm.check,
}
"""In the order in which they are shown: what others rest on comes first."""


def examine(case: Case, name: str) -> Answer:
    """Return what a check says; what it raises is its answer, too."""
    try:
        return CHECKS[name](case)
    except UserError as error:
        return broken(str(error), "")
    except Exception as error:
        explained = explain_failure(error, dict(case.settings))
        first = (str(error).splitlines() or [""])[0]
        return broken(explained or f"{type(error).__name__}: {first}"[:300], "nobody foresaw this; read it closely.")
