"""Which runs make the two arms that are compared, and what forbids it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.cells import Cell, find_cells, read_cell, rename
from cxr_xai.experiments.aggregate.refuse import require_one_origin

Settings = Mapping[str, Any]


class Sides(NamedTuple):
    """The runs of two arms; every cell carries the name of its side."""

    first: list[Cell]
    second: list[Cell]


def are_arms(settings: Settings) -> bool:
    """Say whether arms are asked for: a list of runs, or an arm by name; else it is about one run or two.

    >>> are_arms({"folder": "a", "against": "b", "arm": None}), are_arms({"folder": ["a"], "against": "b", "arm": None})
    (False, True)
    """
    return settings["arm"] is not None or any(_is_list(settings[key]) for key in ("folder", "against"))


def choose_sides(settings: Settings) -> Sides:
    """Return the runs of both arms: ``folder=[run,run] against=[run,run]``, or ``folder=outputs/<name> arm=[a,b]``.

    Raises:
        UserError: a side is missing, no arm, or two; a run stands on both; or code, data, epochs or protocol differ.
    """
    first, second = _named(settings) if settings["arm"] is not None else _listed(settings)
    if twice := {_place(cell) for cell in first} & {_place(cell) for cell in second}:
        raise UserError(f"{min(twice)} stands on both sides; a run belongs to one arm.")
    for cells in (first, second):
        places = [_place(cell) for cell in cells]
        if doubled := [place for place in places if places.count(place) > 1]:
            raise UserError(f"{doubled[0]} is named twice on one side.")
    require_one_origin([*first, *second])
    return Sides(first, second)


def _named(settings: Settings) -> Sides:
    names = [str(name) for name in settings["arm"]] if _is_list(settings["arm"]) else [str(settings["arm"])]
    folders = [settings["folder"], settings["against"] or settings["folder"]]
    if len(names) != 2 or not all(isinstance(folder, str) for folder in folders):
        raise UserError(
            f"arm={names if len(names) != 1 else names[0]}; it is two arms of one folder of runs: "
            "folder=outputs/<name> arm=[focal,bce]."
        )
    found = {folder: name_arms(find_cells(Path(folder)).cells) for folder in dict.fromkeys(folders)}
    sides = []
    for name, folder in zip(names, folders, strict=True):
        cells = [cell for cell in found[folder] if cell.arm == name]
        if not cells:
            there = ", ".join(dict.fromkeys(cell.arm for cell in found[folder]))
            raise UserError(f"{folder} has no arm {name!r}; its arms are {there}.")
        sides.append(cells)
    return Sides(*sides)


def _listed(settings: Settings) -> Sides:
    if settings["against"] is None:
        raise UserError("several runs in folder= are one arm; name the runs of the other: against=[run,run].")
    sides = [settings[key] if _is_list(settings[key]) else [settings[key]] for key in ("folder", "against")]
    for key, paths in zip(("folder", "against"), sides, strict=True):
        if not paths or not all(isinstance(path, str) for path in paths):
            raise UserError(f"{key}={paths}: expected the folder of a run, or a list of them.")
    cells = []
    for path in (path for paths in sides for path in paths):
        folder = RunFolder(path)
        if not folder.config.is_file():
            raise UserError(f"{path} is no run folder; of a folder of runs choose two arms by name: arm=[focal,bce].")
        folder.read_summary()
        cells.append(read_cell(folder))
    return _name_sides(cells, len(sides[0]))


def _name_sides(cells: Sequence[Cell], number: int) -> Sides:
    """Name runs by their arm; two sides of the same settings (other seeds, say) by the option that named them."""
    named = _unmixed(name_arms(_with_own_names(cells)), number)
    sides = named[:number], named[number:]
    if sides[0][0].arm != sides[1][0].arm:
        return Sides(*(list(side) for side in sides))
    return Sides(*([rename(cell, f"{cell.arm} ({key})") for cell in side]
                   for side, key in zip(sides, ("folder", "against"), strict=True)))  # fmt: skip


def _with_own_names(cells: Sequence[Cell]) -> list[Cell]:
    """Forget the names of arms where not all runs have one."""
    return list(cells) if all(cell.arm for cell in cells) else [rename(cell, "") for cell in cells]


def _unmixed(cells: Sequence[Cell], number: int) -> list[Cell]:
    for key, side in (("folder", cells[:number]), ("against", cells[number:])):
        if len(arms := list(dict.fromkeys(cell.arm for cell in side))) > 1:
            raise UserError(f"{key}= mixes the arms {' and '.join(arms)}; an arm is one setting in every run.")
    return list(cells)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _place(cell: Cell) -> str:
    return str(cell.folder.path.resolve())


def name_output(settings: Settings, sides: Sides) -> Path:
    """Return where the comparison is written: ``output``, else ``regions/<first>-against-<second>`` beside the runs."""
    if settings["output"] is not None:
        return Path(settings["output"])
    names = [re.sub(r"[^A-Za-z0-9.=_-]+", "_", side[0].arm).strip("_") for side in sides]
    return sides.first[0].folder.path.parent / "regions" / "-against-".join(names)
