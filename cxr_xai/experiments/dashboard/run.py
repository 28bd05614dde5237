"""From the folder of a sweep to its dashboard: read what was logged, lay it out, save it where people look."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.overview import read_group
from cxr_xai.experiments.terminal import console
from cxr_xai.files import write_json
from cxr_xai.lease import find_owner
from cxr_xai.loggers.dashboard import Dashboard, Whose, lay_out
from cxr_xai.loggers.logged import Logged

Settings = Mapping[str, Any]
SCHEMA_VERSION = 1
FILE = "dashboard.json"
MODES = ("auto", "offline", "online")


def run_dashboard(settings: Settings) -> None:
    """Build workspace and report of ``settings["runs"]``, write ``dashboard.json``, and save them where W&B answers.

    Raises:
        UserError: a setting is wrong, nothing was logged, or W&B refuses.
    """
    check_settings(settings)
    from cxr_xai.loggers.wandb import choose_mode
    from cxr_xai.loggers.wandb_dashboard import save, write_spec

    home = Path(settings["runs"])
    cells = find_runs(home)
    folders = find_records(home, cells)
    logged = read_all(home, folders)
    charts = {key: chart for found in logged.values() for key, chart in found.charts.items()}
    dashboard = lay_out(one_group(home, cells), logged)
    write_json(home / FILE, describe(dashboard, write_spec(dashboard, charts, settings["project"])))
    online = choose_mode(settings["mode"]) == "online"
    send_records(settings, [folder for found in folders.values() for folder in found], online)
    print_dashboard(dashboard, home)
    draw(settings, dashboard, cells, folders)
    if not online:
        console.print(
            f"W&B does not answer, or mode={settings['mode']}: nothing was saved there. {HOW}", soft_wrap=True
        )
        return
    for what, address in save(dashboard, charts, settings["entity"], settings["project"]).items():
        console.print(f"{what}: {address}", soft_wrap=True)


def draw(
    settings: Settings, dashboard: Dashboard, cells: Sequence[RunFolder], folders: Mapping[Whose, Sequence[Path]]
) -> None:
    """Draw the dashboard from the records, if there is a folder to draw it into."""
    if settings["pictures"] is None:
        return
    from cxr_xai.report.dashboard_pictures import write_pictures

    arms: dict[str, list[Path]] = {}
    for cell in cells:
        name = yaml.safe_load(cell.config.read_text()).get("arm") or "runs"
        arms.setdefault(str(name), []).append(cell.path)
    over: dict[str, Sequence[Path]] = {kind: found for kind, found in folders.items() if kind != "cells"}
    written = write_pictures(dashboard, arms, over, Path(settings["pictures"]))
    console.print(f"{len(written)} pictures in {settings['pictures']}", highlight=False)


HOW = "With a key (`wandb login`) the same command saves workspace and report."


def check_settings(settings: Settings) -> None:
    """Refuse what cannot be done, before anything is read.

    Raises:
        UserError: names the option, or what to install.
    """
    if settings["mode"] not in MODES:
        raise UserError(f"mode={settings['mode']}; it is one of {', '.join(MODES)}.")
    for library in ("wandb", "wandb_workspaces"):
        if importlib.util.find_spec(library) is None:
            raise UserError(f'{library} is not installed; a dashboard needs it: pip install "cxr-xai[wandb]".')


def find_runs(home: Path) -> list[RunFolder]:
    """Return the run folders of a sweep, those that were moved aside left out.

    Raises:
        UserError: there is none.
    """
    paths = sorted(path for path in home.iterdir() if path.is_dir()) if home.is_dir() else []
    found = [RunFolder(path) for path in paths if RunFolder(path).config.is_file() and "~" not in path.name]
    if not found:
        raise UserError(f"runs={home} holds no run folder; it is outputs/<name>, where training puts its runs.")
    return found


def find_records(home: Path, cells: Sequence[RunFolder]) -> dict[Whose, list[Path]]:
    """Return the folders that may have records, by what they are about."""
    boards = [cell.path / "leaderboard" for cell in cells]
    aggregates = sorted(path.parent for path in home.glob("*/aggregate.json"))
    return {"cells": [cell.path for cell in cells], "leaderboard": boards, "aggregate": aggregates}


def read_all(home: Path, folders: Mapping[Whose, Sequence[Path]]) -> dict[Whose, Logged]:
    """Return what was logged, by what it is about.

    Raises:
        UserError: no run has a record.
    """
    from cxr_xai.loggers.wandb_logged import read_logged

    without = [folder.name for folder in folders["cells"] if not list(folder.glob("wandb/*run-*/*.wandb"))]
    if len(without) == len(folders["cells"]):
        raise UserError(f"no run of {home} has a W&B record; train with logger=wandb, and name the same folder again.")
    if without:
        console.print(f"without a W&B record: {', '.join(without)}", style="yellow", soft_wrap=True)
    return {whose: read_logged(found) for whose, found in folders.items()}


def one_group(home: Path, cells: Sequence[RunFolder]) -> str:
    """Return the group that the runs are in.

    Raises:
        UserError: they were trained under several names.
    """
    names = {read_group(cell) for cell in cells}
    if len(names) > 1:
        raise UserError(f"{home} holds runs of several sweeps: {', '.join(sorted(names))}; a dashboard is of one.")
    return names.pop()


def send_records(settings: Settings, folders: Sequence[Path], online: bool) -> None:
    """Send offline records of cells that have ended where that was asked for; else say how many wait.

    Raises:
        UserError: they cannot be sent.
    """
    from cxr_xai.loggers.wandb_sync import list_waiting, send

    folders, busy = split_busy(folders)
    waiting = len(list_waiting(folders))
    if busy:
        names = ", ".join(folder.name for folder in busy)
        console.print(f"still running, their records are left out: {names}", style="yellow", soft_wrap=True)
    if settings["sync"] and not online:
        raise UserError(f"sync=true: W&B does not answer, or mode={settings['mode']}; {waiting} records wait. {HOW}")
    if settings["sync"]:
        sent = send(folders, settings["entity"], settings["project"])
        console.print(f"sent {sent} offline records", highlight=False)
    elif waiting:
        console.print(f"{waiting} offline records wait; sync=true sends them", highlight=False)


def split_busy(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the folders in which nobody works, and those that a process has claimed: their records still grow."""
    busy = [folder for folder in folders if find_owner(RunFolder(folder).lease) is not None]
    return [folder for folder in folders if folder not in busy], busy


def describe(dashboard: Dashboard, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contents of ``dashboard.json``: what is shown, and the objects that are saved."""
    return {"schema_version": SCHEMA_VERSION, **asdict(dashboard), "saved": dict(spec)}


def print_dashboard(dashboard: Dashboard, home: Path) -> None:
    """Print the sections with the number of their panels."""
    console.print(f"\nDashboard of sweep {dashboard.sweep}", style="bold", markup=False)
    for part in dashboard.parts:
        console.print(f"{part.name}: {len(part.views)} panels of {part.whose}", highlight=False, markup=False)
    console.print(f"specification: {home / FILE}", soft_wrap=True, highlight=False)
