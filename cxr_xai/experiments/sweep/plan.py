"""A sweep before anything starts: every cell composed, checked and placed in its folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.check import check_choices, selects_by_boxes
from cxr_xai.experiments.sweep.cells import (
    Ablation,
    Axis,
    Cell,
    expand,
    key_of,
    read_ablation,
    read_axis,
    require_no_conflicts,
)

Settings = dict[str, Any]
Compose = Callable[[Sequence[str]], tuple[Settings, dict[str, str]]]
"""Overrides → (resolved settings, chosen members); a mistake is a ``UserError``."""

Others = tuple[tuple[str, str], ...]
"""Values on the axes that are neither fold nor seed."""

OWN = ("ablation", "sweep", "dry_run", "fresh")
"""Keys that speak of the whole sweep and are not handed to its cells."""


@dataclass(frozen=True)
class Request:
    """What a person typed after ``-m``, taken apart.

    Attributes:
        command: as typed.
        own: overrides that speak of the sweep: ``ablation=…``, ``sweep.seed.count=5``.
        fixed: overrides of all cells.
        commas: overrides with several values, by key.
        ablation: the name of the ablation, or None.
        sections: ``ablation`` and ``sweep`` of the configuration, interpolations unresolved.
        jobs: cells that will run at a time.
    """

    command: str
    own: Sequence[str] = ()
    fixed: Sequence[str] = ()
    commas: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ablation: str | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)
    jobs: int = 1


@dataclass(frozen=True)
class Planned:
    """A cell with its settings and its place.

    Attributes:
        cell: what makes it.
        settings: resolved.
        choices: the chosen member of each group.
    """

    cell: Cell
    settings: Settings
    choices: dict[str, str]

    @property
    def folder(self) -> RunFolder:
        """Where it runs."""
        return RunFolder(self.home / name_cell(self.settings, self.choices))

    @property
    def home(self) -> Path:
        """The folder of the whole sweep."""
        return Path(self.settings["paths"]["outputs"], self.settings["name"])

    @property
    def fold(self) -> int | None:
        """Which fold tests, or None where the split has no folds."""
        fold: int | None = self.settings["split"].get("fold")
        return fold

    @property
    def epochs(self) -> int:
        """How many epochs it is allowed."""
        return int(self.settings["trainer"]["max_epochs"])

    @property
    def others(self) -> Others:
        """Its values on the axes that are neither fold nor seed: cells alike in these are compared."""
        return tuple((name, value) for name, value in self.cell.point.items() if name not in ("fold", "seed"))

    def with_overrides(self, overrides: Sequence[str], compose: Compose) -> "Planned":
        """Return the cell with further overrides."""
        cell = replace(self.cell, overrides=(*self.cell.overrides, *overrides))
        return Planned(cell, *compose(cell.overrides))


@dataclass(frozen=True)
class Steps:
    """What an epoch is in one group of cells that are compared.

    Attributes:
        steps: optimizer steps per epoch, in all of its cells.
        available: the fewest full batches that each arm has.
    """

    steps: int
    available: Mapping[str, int]


Found = Mapping[Others, Steps]
"""The steps of every group of cells that are compared; empty without an ablation."""


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        request: what was asked for.
        ablation: its arms, or None.
        cells: its runs, in the order in which they start.
    """

    request: Request
    ablation: Ablation | None
    cells: list[Planned]

    @property
    def home(self) -> Path:
        """The folder that holds the cells."""
        return self.cells[0].home


def make_plan(request: Request, compose: Compose) -> Plan:
    """Compose every cell and refuse what cannot run.

    Raises:
        UserError: an arm or axis is malformed, a cell does not compose or contradicts itself, two cells are the same
            run, arms are split in other ways, or cells are spread over several folders.
    """
    section = request.sections.get("ablation")
    ablation = None if request.ablation is None or section is None else read_ablation(request.ablation, section)
    axes = [*read_commas(request), *read_axes(request, compose)]
    cells = [compose_cell(cell, compose) for cell in expand(request.fixed, ablation, axes)]
    require_distinct(cells)
    require_one_split(cells)
    if ablation is not None and ablation.explains:
        if selects_by_boxes(cells[0].settings):
            raise UserError(
                f"ablation={ablation.name} trains one network for all its explainers, and callbacks.checkpoint.monitor="
                "selection/score would choose its epoch by the maps of one of them; choose by a value of val."
            )
        read_explainers(ablation, cells[0], compose)
    if len(homes := {planned.home for planned in cells}) > 1:
        raise UserError(f"the cells go to {', '.join(sorted(map(str, homes)))}; a sweep has one: give one name=.")
    return Plan(request, ablation, cells)


def read_explainers(ablation: Ablation, planned: Planned, compose: Compose) -> dict[str, Settings]:
    """Return the explainer of every arm of a cell that they share.

    Raises:
        UserError: an arm does not compose, or two arms are the same explainer.
    """
    base = planned.cell.overrides[: -len(ablation.arms[ablation.reference]) - 1]  # the arm's own and its name are last
    found: dict[str, Settings] = {}
    for arm, overrides in ablation.arms.items():
        try:
            explainer: Settings = compose((*base, *overrides))[0]["explainer"]
        except UserError as error:
            raise UserError(f"{arm}: {error}") from error
        if same := next((other for other, settings in found.items() if settings == explainer), None):
            raise UserError(f"{same} and {arm} are the same explainer; leave one of them out.")
        found[arm] = explainer
    return found


def read_commas(request: Request) -> list[Axis]:
    """Return the axes of overrides with commas."""
    if clash := next((key for key in request.commas if key_of(key) in (*OWN, "arm", "name")), None):
        raise UserError(f"{clash}={','.join(request.commas[clash])}: one value, please; {_crossing(clash)}")
    return [Axis(key, key, tuple(values)) for key, values in request.commas.items()]


def _crossing(key: str) -> str:
    return "sweep=[cross_validation,seeds] crosses two." if key == "sweep" else "give each a command of its own."


def read_axes(request: Request, compose: Compose) -> list[Axis]:
    """Return the axes of ``sweep=…``; seeds change more slowly than folds.

    The number of values may lean on settings that only an axis brings (``${split.k}``), so the axes' own overrides are
    composed with.
    """
    raw = request.sections.get("sweep") or {}
    if not raw:
        return []
    axes = [Axis(name, str(axis.get("key")), (), tuple(axis.get("overrides", ()))) for name, axis in raw.items()]
    require_no_conflicts(request.fixed, None, axes)
    brought = [override for axis in raw.values() for override in axis.get("overrides", [])]
    first = [f"{key}={values[0]}" for key, values in request.commas.items()]
    own = [override for override in request.own if key_of(override).partition(".")[0] == "sweep"]
    settings, _ = compose([*dict.fromkeys([*request.fixed, *first, *brought]), *own])
    axes = [read_axis(name, section) for name, section in settings["sweep"].items()]
    return sorted(axes, key=lambda axis: axis.name == "fold")


def compose_cell(cell: Cell, compose: Compose) -> Planned:
    """Compose one cell and check its choices; the message of a mistake names the cell."""
    try:
        settings, choices = compose(cell.overrides)
        check_choices(settings, choices)
    except UserError as error:
        raise UserError(f"{cell.label()}: {error}") from error
    return Planned(cell, settings, choices)


def require_one_split(cells: Sequence[Planned]) -> None:
    """Refuse arms that differ in their split, a share that is set aside for selection included.

    Raises:
        UserError: names both arms and the setting.
    """
    first: dict[tuple[tuple[str, str], ...], Planned] = {}
    for planned in cells:
        same = first.setdefault(tuple(planned.cell.point.items()), planned)
        one, other = same.settings["split"], planned.settings["split"]
        if key := next((key for key in (*one, *other) if one.get(key) != other.get(key)), None):
            raise UserError(
                f"arms {same.cell.arm} and {planned.cell.arm} are split in other ways: split.{key} is {one.get(key)} "
                f"in one and {other.get(key)} in the other. Arms are compared on the same patients: set it for all."
            )


def require_distinct(cells: Sequence[Planned]) -> None:
    """Refuse two cells with one folder: equal settings are the same run, whatever their arms are called."""
    seen: dict[Path, Planned] = {}
    for planned in cells:
        if (other := seen.setdefault(planned.folder.path, planned)) is not planned:
            raise UserError(
                f"{other.cell.label()} and {planned.cell.label()} are the same run, {planned.folder.path.name}; "
                "they differ in no setting that changes the result. Leave one of them out."
            )
