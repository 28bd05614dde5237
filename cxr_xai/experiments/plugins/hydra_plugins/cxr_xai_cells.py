"""What Hydra runs for ``-m``: a sweeper that says which cells there are, and a launcher that runs them.

They are apart so that a cluster may run the same cells. Hydra takes plugins from the namespace package
``hydra_plugins`` only, and imports all of it at every start: nothing heavy here.
"""

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class CellSweeper(Sweeper):
    """Arms × axes × comma overrides, each cell checked before the first one starts."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep the configuration and make the launcher that it names."""
        self.settings = config
        self.runner = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Plan and launch; results are read from the folders of the cells."""
        from cxr_xai.experiments.sweep.composed import compose_cell
        from cxr_xai.experiments.sweep.run import run_sweep

        runner = self.runner
        request = _read_request(self.settings, arguments)
        if "search" in (request.sections.get("sweep") or {}):
            _run_search(request, runner, self.settings)
            return []
        run_sweep(
            request,
            compose=lambda overrides: compose_cell(tuple(overrides)),
            launch=lambda cells: _launch(runner, cells),
            dry=bool(self.settings.dry_run),
            fresh=bool(self.settings.fresh),
            check=getattr(runner, "check", None),
        )
        return []


class ProcessLauncher(Launcher):
    """Each cell as a process of its own on this machine.

    Args:
        jobs: processes at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        super().__init__()
        self.jobs = jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what the processes need to know."""
        self.settings = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs until each is finished or has failed; what became of them stands in their folders."""
        from cxr_xai.experiments.sweep.composed import compose_cell, name_script
        from cxr_xai.experiments.sweep.run import run_here

        run_here([(tuple(o), *compose_cell(tuple(o))) for o in job_overrides], name_script(self.settings), self.jobs)
        return [JobReturn(overrides=list(o), status=JobStatus.COMPLETED) for o in job_overrides]


def _launch(runner: Launcher, cells: Sequence[Sequence[str]]) -> bool:
    """Launch; return whether all cells have ended, for a cluster may be left to itself."""
    returned = runner.launch([list(cell) for cell in cells], initial_job_idx=0)
    return all(job.status is not JobStatus.UNKNOWN for job in returned)


def _run_search(request: Any, runner: Launcher, config: DictConfig) -> None:
    """Look for settings; a search asks for a trial when one has ended, so it starts processes itself."""
    from cxr_xai.errors import UserError
    from cxr_xai.experiments.search.run import run_search
    from cxr_xai.experiments.sweep.composed import compose_cell, name_script

    if not isinstance(runner, ProcessLauncher):
        raise UserError(
            "sweep=search starts its trials itself, as processes: leave hydra/launcher out, and start the command in "
            "as many jobs as shall work at it; they share the trials."
        )
    run_search(
        request, lambda o: compose_cell(tuple(o)), name_script(config), bool(config.dry_run), fresh=bool(config.fresh)
    )


def _read_request(config: DictConfig, arguments: list[str]) -> Any:
    """Take the command apart."""
    from cxr_xai.experiments.sweep.cells import key_of
    from cxr_xai.experiments.sweep.plan import OWN, Request

    own, fixed, commas = [], [], {}
    for override in OverridesParser.create().parse_overrides(arguments):
        key, line = override.get_key_element(), str(override.input_line)
        if override.is_sweep_override():
            commas[key] = list(override.sweep_string_iterator())
        elif key_of(key).partition(".")[0] in OWN:
            own.append(line)
        else:
            fixed.append(line)
    sections = {
        key: OmegaConf.to_container(config[key], resolve=False) for key in ("ablation", "sweep") if key in config
    }
    jobs = int(config.hydra.launcher.get("jobs", 1))
    name = config.hydra.runtime.choices.get("ablation")
    return Request(shlex.join(["python", *sys.argv]), own, fixed, commas, name, sections, jobs)
