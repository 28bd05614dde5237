"""What a cell of a sweep costs beyond the command that it runs."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.sweep.launch import Job, run_jobs
from cxr_xai.experiments.sweep.plan import Request, make_plan

CELLS = 8
SCRIPT = """
import json, sys, time
from pathlib import Path
time.sleep(1)
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "summary.json").write_text(json.dumps({"max_epochs": 1, "stopped_early": False}))
"""
"""Stands for a training: a second of work and a result."""


class Silent:
    """Tells nobody."""

    def event(self, what: str, job: Job, note: str = "") -> None:
        """Something happened."""

    def tick(self, running: Sequence[Job], waiting: int) -> None:
        """Nothing happened."""


def measure_sweep(repeats: int) -> list[Figure]:
    """Compare cells that are composed, checked and launched with the same commands one after another."""
    with tempfile.TemporaryDirectory() as place:
        script = Path(place) / "train.py"
        script.write_text(SCRIPT)
        command = [sys.executable, str(script)]

        def alone() -> None:
            with tempfile.TemporaryDirectory() as home:
                for number in range(CELLS):
                    subprocess.run([*command, str(Path(home) / str(number))], check=True)

        def sweep() -> None:
            with tempfile.TemporaryDirectory() as home:
                request = Request("", commas={"seed": [str(number) for number in range(CELLS)]})
                plan = make_plan(request, lambda overrides: compose("train", overrides))
                folders = [RunFolder(Path(home) / planned.folder.path.name) for planned in plan.cells]
                run_jobs([Job(f.path.name, [str(f.path)], f, 1) for f in folders], command, 1, Silent())

        times = time_in_turns({"sweep": sweep, "alone": alone}, min(repeats, 3))
    extra = (times["sweep"] - times["alone"]) / CELLS
    what = f"a cell of a sweep: composed, checked, launched, seen to end; vs its command alone ({CELLS} cells of 1 s)"
    return [Figure(what, times["sweep"] / CELLS, times["alone"] / CELLS, extra, "s more a cell", "≤ 1")]
