"""``outputs/<name>/sweep.json``: which cells belong together, for whoever reads their folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.experiments.sweep.plan import Found, Plan, Planned
from cxr_xai.files import read_json, write_json

SCHEMA_VERSION = 1
FILE = "sweep.json"


def describe_sweep(plan: Plan, found: Found) -> dict[str, Any]:
    """Return what ``sweep.json`` says.

    ``cells`` name their folder within the sweep's; ``axes`` are the values of comma overrides; ``steps`` are optimizer
    steps per epoch where arms are compared at equal steps, else null. ``primary`` is null where arms share a training.
    """
    ablation = plan.ablation
    primary = None
    if ablation is not None and not ablation.explains:  # else one arm alone has cells; the leaderboard has the contrast
        arms = {"arm": ablation.primary, "against": ablation.reference}
        primary = {**arms, "metric": "auroc", "average": "macro"}
    return {
        "schema_version": SCHEMA_VERSION,
        "command": plan.request.command,
        "ablation": None if ablation is None else ablation.name,
        "reference": None if ablation is None else ablation.reference,
        "primary": primary,
        "arms": {} if ablation is None else dict(ablation.arms),
        "cells": [_describe(planned, found) for planned in plan.cells],
    }


def _describe(planned: Planned, found: Found) -> dict[str, Any]:
    steps = found.get(planned.others)
    return {
        "arm": planned.cell.arm,
        "fold": planned.fold,
        "seed": planned.settings["seed"],
        "axes": dict(planned.others),
        "epochs": planned.epochs,
        "steps": None if steps is None else steps.steps,
        "overrides": list(planned.cell.overrides),
        "folder": planned.folder.path.name,
    }


def extend(old: Mapping[str, Any] | None, new: Mapping[str, Any], home: Path) -> dict[str, Any]:
    """Join a new launch with what a folder holds: the same ablation may grow by folds, seeds, arms and epochs.

    Raises:
        UserError: the folder holds another ablation, an arm of the same name that is something else, or cells of other
            steps per epoch, which could not be compared.
    """
    if old is None:
        return dict(new)
    way_out = "give this sweep a name=… of its own."
    if ("search" in old) != ("search" in new):
        raise UserError(f"{home} holds {'a search' if 'search' in old else 'a sweep that is no search'}; {way_out}")
    for key in ("ablation", "reference", "primary"):
        if old[key] != new[key]:
            raise UserError(f"{home} holds a sweep with {key} {_show(old[key])}, not {_show(new[key])}; {way_out}")
    for arm, overrides in new["arms"].items():
        if old["arms"].get(arm, overrides) != overrides:
            raise UserError(f"{home} holds an arm {arm} made of {' '.join(old['arms'][arm])}; {way_out}")
    here = {cell["folder"]: cell for cell in new["cells"]}
    for cell in old["cells"]:
        for other in new["cells"]:
            if cell["axes"] == other["axes"] and cell["steps"] != other["steps"]:
                raise UserError(
                    f"{home} holds cells of {cell['steps']} steps an epoch, and this launch has {other['steps']}: "
                    f"data, split or batch size differ, and arms would not be comparable; {way_out}"
                )
    kept = [here.pop(cell["folder"], cell) for cell in old["cells"]]
    return {**new, "arms": {**old["arms"], **new["arms"]}, "cells": [*kept, *here.values()]}


def wanted(record: Mapping[str, Any]) -> int:
    """Return how many cells there will be: a search asks for its trials one after another."""
    return int(record["search"]["trials"]) if "search" in record else len(record["cells"])


def _show(value: Any) -> str:
    return f"{value['arm']} against {value['against']}" if isinstance(value, Mapping) else str(value)


def write_sweep(home: Path, record: Mapping[str, Any]) -> None:
    """Write ``sweep.json``, whole, unless it says so already."""
    if read_if_there(home) != record:
        write_json(home / FILE, dict(record))


def read_if_there(home: Path) -> dict[str, Any] | None:
    """Return what ``sweep.json`` says, or None where there is none."""
    return read_sweep(home) if (home / FILE).is_file() else None


def read_sweep(home: Path) -> dict[str, Any]:
    """Read ``sweep.json`` of a folder of runs.

    Raises:
        UserError: there is none, it cannot be read, or another version wrote it.
    """
    path = Path(home) / FILE
    if not path.is_file():
        raise UserError(f"{home} holds no sweep ({FILE}); name the folder of scripts/train.py -m …, outputs/<name>.")
    try:
        record: dict[str, Any] = read_json(path)
        version = record["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read; launch the sweep again, it writes it anew.") from error
    if version != SCHEMA_VERSION:
        raise UserError(f"{path} has schema {version}, this version reads {SCHEMA_VERSION}.")
    return record
