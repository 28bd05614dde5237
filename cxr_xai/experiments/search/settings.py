"""What ``sweep.search`` says, checked before anything starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import check_settings
from cxr_xai.experiments.cell import hash_settings
from cxr_xai.experiments.check import BETTER
from cxr_xai.experiments.require import require_numbers
from cxr_xai.experiments.search.space import Space, Value, read_space
from cxr_xai.experiments.sweep.cells import Cell, key_of
from cxr_xai.experiments.sweep.plan import Compose, Planned, Request, compose_cell


@dataclass(frozen=True)
class Pruning:
    """When a trial is stopped before its end.

    Attributes:
        after: finished trials before their median counts.
        warmup: epochs that none is judged by.
    """

    after: int
    warmup: int


@dataclass(frozen=True)
class Asked:
    """``sweep.search`` of the configuration.

    Attributes:
        trials: of all launches together.
        monitor: the value of val that is to be good.
        seed: of what is tried.
        storage: a file or URL; None is ``search/trials.db`` in the sweep's folder.
        startup: trials by chance.
        prune: None lets every trial end.
        space: what is varied.
    """

    trials: int
    monitor: str
    seed: int
    storage: str | None
    startup: int
    prune: Pruning | None
    space: Space

    @property
    def largest(self) -> bool:
        """Whether a large value is better."""
        return BETTER[self.monitor] == "max"


@dataclass(frozen=True)
class Search:
    """A search: what was asked for, and the run that it varies.

    Attributes:
        request: as typed.
        asked: of ``sweep.search``.
        base: the run without anything varied.
        compose: overrides → settings.
    """

    request: Request
    asked: Asked
    base: Planned
    compose: Compose

    @property
    def home(self) -> Path:
        """The folder of its cells."""
        return self.base.home

    @property
    def folder(self) -> Path:
        """What belongs to no single cell: storage, claims on trials, results."""
        return self.home / "search"

    def plan(self, params: Mapping[str, Value]) -> Planned:
        """Return the cell of a trial: a function of its parameters, so that a trial finds its own folder again."""
        return compose_cell(make_cell(self.request.fixed, self.asked.space, params), self.compose)


def make_cell(fixed: Sequence[str], space: Space, params: Mapping[str, Value]) -> Cell:
    """Place values on the axes of a cell; groups come first, for a setting may belong to the member chosen."""
    overrides = [entry.override(params[key]) for key, entry in space.items() if key in params]
    point = {key: override.partition("=")[2] for key, override in zip(params, overrides, strict=True)}
    return Cell(None, point, (*fixed, *sorted(overrides, key=lambda o: "." in key_of(o))))


def read_search(request: Request, compose: Compose) -> Search:
    """Check a search: its settings, its space, and that the edges of the space compose.

    Raises:
        UserError: names what cannot be.
    """
    if request.ablation is not None:
        raise UserError(f"sweep=search looks for settings, ablation={request.ablation} compares arms; leave one out.")
    if request.commas:
        key, values = next(iter(request.commas.items()))
        choices = f"sweep.search.space.{key_of(key)}={{choices: [{', '.join(values)}]}}"
        raise UserError(f"{key}={','.join(values)}: sweep=search tries values of its space; write +{choices}.")
    if others := [name for name in request.sections["sweep"] if name != "search"]:
        raise UserError(f"sweep=search tries each setting once, without {others[0]}s; run the best of them with those.")
    if request.jobs < 1:
        raise UserError(f"hydra.launcher.jobs={request.jobs}; it must be 1 or more.")
    own = [override for override in request.own if key_of(override).partition(".")[0] == "sweep"]
    settings, _ = compose([*request.fixed, *own])
    asked = read_asked(settings["sweep"]["search"])
    for override in request.fixed:
        if (key := key_of(override)) in asked.space:
            raise UserError(f"{override}: the space of sweep=search sets {key}, too; add ~sweep.search.space.{key}.")
    base = compose_cell(Cell(None, {}, tuple(request.fixed)), compose)
    search = Search(request, asked, base, compose)
    require_edges(search)
    return search


def read_asked(section: Mapping[str, Any]) -> Asked:
    """Check ``sweep.search``.

    Raises:
        UserError: a key is unknown or missing, a number is none, or the value is not of val.
    """
    plain = {key: value for key, value in section.items() if key not in ("space", "prune")}
    check_settings(Asked, plain, "sweep.search")
    if absent := [key for key in Asked.__dataclass_fields__ if key not in section]:
        raise UserError(f"sweep.search has no {absent[0]}; conf/sweep/search.yaml shows all that it needs.")
    numbers = {f"sweep.search.{key}": section[key] for key in ("trials", "startup", "seed")}
    prune = section["prune"]
    if prune is not None:
        check_settings(Pruning, prune, "sweep.search.prune")
        numbers |= {f"sweep.search.prune.{key}": prune.get(key) for key in ("after", "warmup")}
    least = {key: 1 if key.endswith(("trials", "after")) else 0 for key in numbers}
    require_numbers(numbers, (), **least)
    if (monitor := section["monitor"]) not in BETTER:
        raise UserError(
            f"sweep.search.monitor={monitor}: only values of val may judge a trial (val/loss, val/auroc/macro, "
            "val/auroc/<finding>); boxes and test are for scoring."
        )
    space = read_space(section["space"], monitor)
    return Asked(**{**section, "space": space, "prune": None if prune is None else Pruning(**prune)})


def require_edges(search: Search) -> None:
    """Compose the edges of every entry: an unknown key and choices that contradict each other are found here.

    Raises:
        UserError: from composing, headed by the override; or nothing depends on the entry.
    """
    for key, entry in search.asked.space.items():
        cells = [make_cell(search.request.fixed, {key: entry}, {key: value}) for value in entry.edges()]
        if len({compose_cell(cell, search.compose).folder.path for cell in cells}) < len(cells):
            raise UserError(f"sweep.search.space.{key}: its values make the same run; leave it out.")


def describe(search: Search) -> dict[str, Any]:
    """Return what a search is, in plain types; where these differ it is another one, `trials` apart."""
    return {
        "value": search.asked.monitor,
        "space": {key: entry.describe() for key, entry in search.asked.space.items()},
        "epochs": search.base.epochs,
        "other settings": hash_settings(search.base.settings),
        "code": hash_code("experiments/search/"),
    }
