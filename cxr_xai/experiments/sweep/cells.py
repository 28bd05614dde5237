"""Which runs a sweep is made of: arms × axes, worked out from text alone."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import check_settings

NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Ablation:
    """Arms that are compared, as ``conf/ablation/<name>.yaml`` writes them.

    Attributes:
        name: of the file.
        reference: the arm that the others are compared with.
        primary: the arm whose contrast with the reference (macro AUROC) was declared beforehand.
        arms: the overrides of each.
        max_studies: of the leaderboard, where arms differ in the explainer alone (`explains`); None there takes all.
    """

    name: str
    reference: str
    primary: str
    arms: dict[str, list[str]]
    max_studies: int | None = None

    @property
    def explains(self) -> bool:
        """Whether arms differ in the explainer alone: a network does not know it, so they share one training.

        >>> Ablation("a", "x", "y", {"x": ["explainer=exact_cam"], "y": ["explainer=lime"]}).explains
        True
        """
        return all(key_of(o).partition(".")[0] == "explainer" for overrides in self.arms.values() for o in overrides)

    @property
    def trained(self) -> dict[str, list[str]]:
        """The arms that are trained."""
        return {self.reference: self.arms[self.reference]} if self.explains else self.arms


@dataclass(frozen=True)
class Axis:
    """Values that every arm is run with.

    Attributes:
        name: ``fold``, ``seed``, or the key itself for a comma in an override.
        key: the setting that takes the values.
        values: as they are written in overrides.
        overrides: what comes with each of them.
    """

    name: str
    key: str
    values: tuple[str, ...]
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One run.

    Attributes:
        arm: its arm, or None without an ablation.
        point: its value on every axis.
        overrides: everything that makes it, as for ``scripts/train.py``.
    """

    arm: str | None
    point: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()

    def label(self) -> str:
        """Name the cell within its sweep.

        >>> Cell("smote", {"fold": "2", "model": "resnet50"}).label()
        'smote fold 2 model=resnet50'
        """
        points = (
            f"{name} {value}" if name in ("fold", "seed") else f"{name}={value}" for name, value in self.point.items()
        )
        return " ".join(([self.arm] if self.arm else []) + list(points)) or "the only cell"


def read_ablation(name: str, section: Mapping[str, Any]) -> Ablation:
    """Check what ``conf/ablation/<name>.yaml`` holds.

    Raises:
        UserError: a key is missing, unknown or of the wrong type; the reference or the primary arm is none of the arms;
            an arm is not a list of overrides; max_studies is no count.
    """
    check_settings(Ablation, section, "ablation")
    if absent := [key for key in ("reference", "primary", "arms") if not section.get(key)]:
        raise UserError(f"ablation={name} has no {absent[0]}; it needs reference, primary and arms.")
    arms = section["arms"]
    for arm, overrides in arms.items():
        if not (isinstance(overrides, list) and all(isinstance(o, str) and "=" in o for o in overrides)):
            raise UserError(f"ablation.arms.{arm} is {overrides!r}; an arm is a list of overrides, [model=resnet50].")
        if not NAME.fullmatch(str(arm)):
            raise UserError(f"ablation.arms.{arm}: the name of an arm is made of letters, digits, _ and -.")
    for role in ("reference", "primary"):
        if section[role] not in arms:
            raise UserError(f"ablation.{role}={section[role]}: no such arm; ablation={name} has {', '.join(arms)}.")
    if section["reference"] == section["primary"]:
        raise UserError(f"ablation.primary={section['primary']} is the reference; name the arm to compare it with.")
    most = section.get("max_studies")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise UserError(f"ablation.max_studies={most}; it must be a whole number, 1 or more, or null for all.")
    reference, primary = str(section["reference"]), str(section["primary"])
    return Ablation(name, reference, primary, dict(arms), most)


def read_axis(name: str, section: Mapping[str, Any]) -> Axis:
    """Check one axis of ``conf/sweep/*.yaml``; its values are 0 to ``count`` - 1.

    Raises:
        UserError: a key is missing, or there are no values.
    """
    if absent := {"key", "count", "overrides"} - section.keys():
        raise UserError(f"sweep.{name} has no {min(absent)}; an axis needs key, count and overrides.")
    count = section["count"]
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise UserError(f"sweep.{name}.count is {count!r}; it must be 1 or more.")
    return Axis(name, str(section["key"]), tuple(map(str, range(count))), tuple(section["overrides"]))


def expand(fixed: Sequence[str], ablation: Ablation | None, axes: Sequence[Axis]) -> list[Cell]:
    """Return every arm at every point; arms change fastest, so that comparisons are complete as early as can be.

    Args:
        fixed: overrides of all cells.
        ablation: the arms, or None.
        axes: the others, slowest first.

    Raises:
        UserError: two of them set one key.

    >>> arms = Ablation("size", "s", "l", {"s": ["model=a"], "l": ["model=b"]})
    >>> [" ".join(c.overrides) for c in expand(["x=1"], arms, [Axis("seed", "seed", ("0", "1"))])][:2]
    ['x=1 seed=0 model=a arm=s', 'x=1 seed=0 model=b arm=l']
    """
    require_no_conflicts(fixed, ablation, axes)
    extra = [o for axis in axes for o in axis.overrides if o not in fixed]
    cells = []
    for values in itertools.product(*(axis.values for axis in axes)):
        point = {axis.name: value for axis, value in zip(axes, values, strict=True)}
        placed = [f"{axis.key}={value}" for axis, value in zip(axes, values, strict=True)]
        base = (*fixed, *extra, *placed)
        if ablation is None:
            cells.append(Cell(None, point, base))
        else:
            arms = ablation.trained.items()
            cells += [Cell(arm, point, (*base, *overrides, f"arm={arm}")) for arm, overrides in arms]
    return cells


def require_no_conflicts(fixed: Sequence[str], ablation: Ablation | None, axes: Sequence[Axis]) -> None:
    """Refuse a key that two parts of the command set; an axis may find its own override given.

    Raises:
        UserError: names the override and who else sets it.
    """
    owners: dict[str, str] = {}
    for override, owner in _owned(ablation, axes):
        key = key_of(override)
        if owners.setdefault(key, owner) != owner:
            raise UserError(f"{override}: {owners[key]} and {owner} both set {key}; leave one of them out.")
    welcome = {override for axis in axes for override in axis.overrides}
    for override in fixed:
        key = key_of(override)
        if key in owners and override not in welcome:
            raise UserError(f"{override}: {owners[key]} sets {key}, too; leave one of them out.")


def _owned(ablation: Ablation | None, axes: Sequence[Axis]) -> Iterator[tuple[str, str]]:
    """Yield ``(override, who sets it)``."""
    if ablation is not None:
        for overrides in ablation.arms.values():
            yield from ((override, f"ablation={ablation.name}") for override in overrides)
    for axis in axes:
        owner = f"{axis.key}={','.join(axis.values)}" if axis.name == axis.key else f"the {axis.name}s of sweep="
        yield from ((override, owner) for override in (f"{axis.key}=", *axis.overrides))


def key_of(override: str) -> str:
    """Return the key of an override, without the marks that add or remove.

    >>> key_of("+trainer.max_time=1"), key_of("~callbacks.progress")
    ('trainer.max_time', 'callbacks.progress')
    """
    return override.partition("=")[0].lstrip("+~").partition("@")[0]
