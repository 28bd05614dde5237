"""Launchers for a cluster: cells as tasks of a Slurm array, submitted here, or written down for ``sbatch``.

Nothing heavy here: Hydra imports all of its plugins at every start.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class ClusterLauncher(Launcher):
    """What both have in common; Hydra cannot make one of it, for it does not launch."""

    command = "sbatch"
    resources: Mapping[str, Any]

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what tasks need to know."""
        self.settings = config

    def check(self, cells: Sequence[Mapping[str, Any]]) -> None:
        """Refuse cells that do not fit what is asked for, before anything is read; a dry run needs no cluster.

        Raises:
            UserError: a setting is of a wrong type or does not fit a cell, or a program is missing.
        """
        from cxr_xai.experiments.cluster.resources import count_tasks

        count_tasks(self.read_resources(), [settings["trainer"] for settings in cells])
        if not self.settings.dry_run:
            self.require_programs()

    def require_programs(self) -> None:
        """Refuse to begin where Slurm, or what submits to it, is missing."""

    def read_resources(self) -> Any:
        """Check settings against their types."""
        from cxr_xai.experiments.build import check_settings
        from cxr_xai.experiments.cluster.resources import Resources

        given = {key: OmegaConf.to_object(v) if OmegaConf.is_config(v) else v for key, v in self.resources.items()}
        return Resources(**check_settings(Resources, given, "hydra.launcher"))


class SlurmLauncher(ClusterLauncher):
    """Submits an array through submitit, and waits.

    Args:
        max_num_timeout: time limits that one cell may run into.
        wait: False returns once cells are submitted.
        poll: seconds between looks at the queue.
        resources: of a cell, as ``cluster/resources.py`` has them.
    """

    def __init__(self, max_num_timeout: int = 50, wait: bool = True, poll: float = 10, **resources: Any) -> None:
        super().__init__()
        self.max_num_timeout, self.wait, self.poll, self.resources = max_num_timeout, wait, poll, resources

    def require_programs(self) -> None:
        """Refuse to begin where Slurm or submitit is missing."""
        from cxr_xai.experiments.cluster.resources import require_command
        from cxr_xai.experiments.cluster.submit import require_submitit

        require_submitit()
        require_command("sbatch")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit, and wait unless told otherwise; what became of cells stands in their folders."""
        from cxr_xai.experiments.cluster.run import run_on_slurm
        from cxr_xai.experiments.sweep.composed import compose_cell

        cells = [(tuple(o), *compose_cell(tuple(o))) for o in job_overrides]
        ended = run_on_slurm(cells, self.read_resources(), self.max_num_timeout, self.wait, self.poll)
        return [_returned(o, ended) for o in job_overrides]


class SbatchLauncher(ClusterLauncher):
    """Writes ``array.sbatch`` and says how to submit it.

    Args:
        resources: of a cell, as ``cluster/resources.py`` has them.
    """

    def __init__(self, **resources: Any) -> None:
        super().__init__()
        self.resources = resources

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Write the script; a person submits it."""
        from cxr_xai.experiments.cluster.run import write_recipe
        from cxr_xai.experiments.sweep.composed import compose_cell, name_script

        cells = [(tuple(o), *compose_cell(tuple(o))) for o in job_overrides]
        ended = write_recipe(cells, self.read_resources(), name_script(self.settings))
        return [_returned(o, ended) for o in job_overrides]


def _returned(overrides: Sequence[str], ended: bool) -> JobReturn:
    return JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED if ended else JobStatus.UNKNOWN)
