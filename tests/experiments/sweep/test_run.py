"""What a launch runs, leaves alone, refuses and moves aside; the cells are pretended."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.sweep import run
from cxr_xai.experiments.sweep.plan import Request
from cxr_xai.experiments.sweep.record import FILE, extend, read_sweep, write_sweep
from cxr_xai.experiments.sweep.run import run_sweep
from cxr_xai.files import write_json

Sweep = Callable[..., list[str]]


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Launch ``loss=…`` with pretended cells, those of ``failing`` losses fail; return the losses that were run."""

    def launch(*losses: str, failing: Sequence[str] = (), fresh: bool = False, jobs: int = 1) -> list[str]:
        ran = []

        def pretend(cells: Sequence[Sequence[str]]) -> bool:
            for overrides in cells:
                settings, choices = compose("train", list(overrides))
                ran.append(choices["loss"])
                if choices["loss"] in failing:
                    continue
                folder = RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / name_cell(settings, choices))
                folder.write_summary({"max_epochs": settings["trainer"]["max_epochs"], "stopped_early": False})
                write_json(folder.certificate, {"code": {"sha256": hash_code()}})
            return True

        request = Request("command", fixed=[f"paths.outputs={tmp_path}"], commas={"loss": losses}, jobs=jobs)
        run_sweep(request, lambda overrides: compose("train", overrides), pretend, fresh=fresh)
        return ran

    return launch


def test_only_what_is_missing_runs(sweep: Sweep, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 of 2 cells did not finish; the same command runs them again"):
        sweep("bce", "focal", failing=["focal"])
    assert sweep("bce", "focal") == ["focal"]
    assert sweep("bce", "focal") == []
    [home] = tmp_path.iterdir()
    assert len(read_sweep(home)["cells"]) == 2


def test_cells_of_other_code_are_refused_and_fresh_begins_anew(sweep: Sweep, tmp_path: Path) -> None:
    sweep("bce", "focal")
    [home] = tmp_path.iterdir()
    for cell in read_sweep(home)["cells"]:
        write_json(home / cell["folder"] / "certificate.json", {"code": {"sha256": "0" * 64}})
    with pytest.raises(UserError, match=r"1 of 1 cells were made by other code, .*fresh=true"):
        sweep("bce")
    assert sweep("bce", fresh=True) == ["bce"]
    with pytest.raises(UserError, match="1 of 1 cells did not finish; the same command without fresh=true runs them"):
        sweep("bce", failing=["bce"], fresh=True)
    assert len(read_sweep(home)["cells"]) == 1
    aside = [path.name for path in home.iterdir() if "~" in path.name]
    assert len(aside) == 3, "the other cell belongs to a sweep that is no more"


def test_no_process_at_a_time_is_refused_before_anything_is_written(sweep: Sweep, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hydra\.launcher\.jobs=0; it must be 1 or more"):
        sweep("bce", jobs=0)
    assert not list(tmp_path.rglob(FILE))


def test_two_launches_at_once_lose_no_cell(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work: list[Thread] = []

    def extend_slowly(*arguments: Any) -> dict[str, Any]:
        if not at_work:  # the other launch begins while this one has read and not written
            at_work.append(Thread(target=write_another))
            at_work[0].start()
            time.sleep(0.3)
        return extend(*arguments)

    def write_another() -> None:
        with run.claim_home(home):
            record = read_sweep(home)
            write_sweep(home, {**record, "cells": [*record["cells"], {**record["cells"][0], "folder": "another"}]})

    sweep("bce")
    [home] = tmp_path.iterdir()
    monkeypatch.setattr(run, "extend", extend_slowly)
    sweep("focal")
    at_work[0].join()
    assert len(read_sweep(home)["cells"]) == 3
    assert not (home / "sweep.lock").exists()


def test_every_cell_has_a_name_of_its_own() -> None:
    settings = {"arm": "smote", "split": {"fold": 2}, "seed": 1}
    assert run.name_job("phantom-f2-s1-1a2b3c4d", settings) == "smote fold 2 seed 1 (1a2b3c4d)"
    assert run.name_job("phantom-f2-s1-1a2b3c4d", {**settings, "arm": None}) == "phantom-f2-s1-1a2b3c4d"
