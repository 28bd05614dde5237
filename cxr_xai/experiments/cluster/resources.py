"""What a cell asks a cluster for, and whether its trainer fits in."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxr_xai.errors import UserError

STARTS_ITSELF = ("ddp_fork", "ddp_spawn", "ddp_notebook")
"""Strategies that start their own processes, where each is to be a task of Slurm."""


OPTIONS = (
    *("nodes", "time", "partition", "account", "qos", "constraint"),
    *("gpus_per_node", "cpus_per_task", "mem"),
)
"""Settings that ``sbatch`` takes under the same name, with hyphens."""


@dataclass(frozen=True)
class Resources:
    """Of one cell, in the words of ``sbatch``; None leaves a choice to the cluster.

    Attributes:
        jobs: cells at a time.
        time: minutes of one start; a run that needs longer is queued again and goes on.
        nodes: machines of a cell, as ``trainer.num_nodes``.
        gpus_per_node: as ``trainer.devices``.
        cpus_per_task: of each process; a process has its loaders, too.
        mem: of a node, ``32G``.
        partition, account, qos, constraint: where, on whose behalf, and on what kind of node.
        signal_delay_s: seconds between the request to save and the end of time.
        additional_parameters: any other option of ``sbatch``.
        setup: lines of shell before a cell starts.
    """

    jobs: int
    time: int
    nodes: int = 1
    gpus_per_node: int | None = None
    cpus_per_task: int | None = None
    mem: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    signal_delay_s: int = 120
    additional_parameters: Mapping[str, Any] = field(default_factory=dict)
    setup: Sequence[str] = ()


def name_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``sbatch`` is told of these settings of a launcher; what nobody chose is left out.

    >>> name_options({"time": 60, "gpus_per_node": 4, "mem": None, "poll": 10})
    {'time': 60, 'gpus-per-node': 4}
    """
    return {name.replace("_", "-"): settings[name] for name in OPTIONS if settings.get(name) is not None}


def count_tasks(resources: Resources, trainers: Sequence[Mapping[str, Any]]) -> int:
    """Return how many processes a node has: one a device, the same in all cells of an array.

    Raises:
        UserError: the devices of a trainer are no number, do not fit the request, or differ between cells.
    """
    for trainer in trainers:
        _require_fit(resources, trainer)
    counts = sorted({int(trainer["devices"]) for trainer in trainers})
    if len(counts) > 1:
        raise UserError(
            f"trainer.devices is {' and '.join(map(str, counts))}; all tasks of an array are alike: give each a "
            "command of its own."
        )
    return counts[0] if counts else 1


def _require_fit(resources: Resources, trainer: Mapping[str, Any]) -> None:
    devices, nodes, gpus = trainer["devices"], trainer.get("num_nodes", 1), resources.gpus_per_node
    if not isinstance(devices, int) or isinstance(devices, bool) or devices < 1:
        raise UserError(f"trainer.devices={devices}: on a cluster a number is needed, for each device is a task.")
    if nodes != resources.nodes:
        raise UserError(
            f"trainer.num_nodes={nodes} and hydra.launcher.nodes={resources.nodes} must be equal; set both."
        )
    if trainer.get("strategy") in STARTS_ITSELF:
        raise UserError(
            f"trainer.strategy={trainer['strategy']} starts its own processes, and here each is a task of Slurm; use "
            "trainer.strategy=ddp."
        )
    if gpus is not None and trainer["accelerator"] == "cpu":
        raise UserError(f"hydra.launcher.gpus_per_node={gpus}, and trainer.accelerator=cpu would not use them.")
    if gpus is not None and gpus != devices:
        raise UserError(
            f"trainer.devices={devices} and hydra.launcher.gpus_per_node={gpus} must be equal: one process a GPU."
        )
    elsewhere = {"gres", "gpus", "gpus-per-node", "gpus-per-task"} & set(resources.additional_parameters)
    if gpus is None and trainer["accelerator"] in ("gpu", "cuda") and not elsewhere:
        raise UserError(
            f"trainer.accelerator={trainer['accelerator']} without a GPU: add hydra.launcher.gpus_per_node={devices}."
        )


def srun_options(resources: Resources) -> list[str]:
    """Return what ``srun`` must be told, within what ``sbatch`` was given.

    Where one process of a cell dies, the others would wait for it; and since Slurm 22.05 ``srun`` takes one CPU for
    each unless it is told again.
    """
    cpus = resources.cpus_per_task
    return ["--kill-on-bad-exit=1", *([] if cpus is None else [f"--cpus-per-task={cpus}"])]


def require_command(name: str) -> None:
    """Refuse to begin where a command of Slurm is missing.

    Raises:
        UserError: it is not on the path.
    """
    if shutil.which(name) is None:
        raise UserError(
            f"{name} was not found: this machine is no part of a Slurm cluster; log in to one, or use "
            "hydra/launcher=processes."
        )
