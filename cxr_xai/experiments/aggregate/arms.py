"""Which runs belong together: an arm is what its runs have in common beside fold and seed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.cells import Cell, rename
from cxr_xai.experiments.cell import strip

REPEATED = ("seed", "split.fold", "arm")
"""What may differ between the runs of one arm."""


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted keys.

    >>> flatten({"loss": {"gamma": 2}, "seed": 0})
    {'loss.gamma': 2, 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def name_arms(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells with the name of their arm.

    Cells that carry one keep it. Otherwise an arm is named by the settings that differ among the cells: by the chosen
    member where one group differs (``focal``), else by groups and keys (``loss=focal optimizer.lr=0.001``).

    Raises:
        UserError: two cells of one named arm differ in more than fold and seed; the message names the setting.
    """
    plain = _identify(cells)
    if all(cell.arm for cell in cells):
        for arm in sorted({cell.arm for cell in cells}):
            _require_one_setting([cell for cell in cells if cell.arm == arm], plain)
        return list(cells)
    values = [plain[cell.name] for cell in cells]
    keys = dict.fromkeys(key for settings in values for key in settings)
    differing = [key for key in keys if len({repr(settings.get(key)) for settings in values}) > 1]
    groups = {key.split(".")[0] for key in differing}
    named = [group for group in cells[0].choices if group in groups and len({c.choices.get(group) for c in cells}) > 1]
    single = [key for key in differing if key.split(".")[0] not in named]
    return [rename(cell, _words(cell, named, single, plain[cell.name])) for cell in cells]


def _identify(cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """Return what each cell is beside fold and seed: other seeds that always equal the run's only follow it."""
    flat = {cell.name: flatten(strip(cell.settings)) for cell in cells}
    own = {key for settings in flat.values() for key in settings if key.endswith(".seed")}
    following = {key for key in own if all(flat[cell.name].get(key, cell.seed) == cell.seed for cell in cells)}
    dropped = following | {*REPEATED}
    return {name: {k: v for k, v in settings.items() if k not in dropped} for name, settings in flat.items()}


def _words(cell: Cell, groups: Sequence[str], keys: Sequence[str], settings: Mapping[str, Any]) -> str:
    if len(groups) == 1 and not keys:
        return str(cell.choices.get(groups[0]))
    words = [f"{group}={cell.choices.get(group)}" for group in groups]
    words += [f"{key}={settings.get(key)}" for key in keys]
    return " ".join(words) or cell.choices.get("model", "all runs")


def _require_one_setting(cells: Sequence[Cell], plain: Mapping[str, Mapping[str, Any]]) -> None:
    first = plain[cells[0].name]
    for cell in cells[1:]:
        other = plain[cell.name]
        for key in dict.fromkeys([*first, *other]):
            if first.get(key) != other.get(key):
                raise UserError(
                    f"arm {cell.arm} is two: {key} is {first.get(key)!r} in {cells[0].name} and {other.get(key)!r} in "
                    f"{cell.name}; an arm is one setting in every fold and seed."
                )


def by_arm(cells: Sequence[Cell]) -> dict[str, dict[int, list[Cell]]]:
    """Return arm → seed → cells in order of their fold."""
    groups: dict[str, dict[int, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in sorted(cells, key=lambda c: (c.arm, c.seed, -1 if c.fold is None else c.fold, c.name)):
        groups[cell.arm][cell.seed].append(cell)
    return {arm: dict(seeds) for arm, seeds in groups.items()}
