"""Whether the processes of a training are tasks of Slurm, or started by Lightning."""

import os
import shutil
from collections.abc import Mapping

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment


def choose_environment(environ: Mapping[str, str] = os.environ) -> ClusterEnvironment | None:
    """Return who has started the processes; None leaves it to Lightning, where there is no Slurm.

    Lightning takes every process on a cluster for a task, and queues it again by itself; we do that, for the run knows
    when it has saved. In an allocation without ``srun`` it starts its processes as anywhere else.
    """
    if int(environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return SLURMEnvironment(auto_requeue=False)
    if "SLURM_JOB_ID" not in environ and shutil.which("srun") is None:
        return None
    return TorchElasticEnvironment() if TorchElasticEnvironment.detect() else LightningEnvironment()
