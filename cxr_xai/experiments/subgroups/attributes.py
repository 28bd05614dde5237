"""Which groups the studies fall into: what tables know of them, what a phantom planted, and any CSV of image ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.attributes import Unlisted, read_attribute_file
from cxr_xai.data.index import Index
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.cells import Cell
from cxr_xai.experiments.controls.run import build_source
from cxr_xai.experiments.reopen import read_settings
from cxr_xai.experiments.subgroups.read import Judged, run_of
from cxr_xai.experiments.verification.evidence import require_known_targets

Settings = Mapping[str, Any]
MOST_GROUPS = 12


@dataclass
class Attributes:
    """Groups of studies.

    Attributes:
        table: image id × attribute, strings, missing is unknown.
        notes: what a person should know of how they came about.
        left_out: attribute → why it is not looked at.
    """

    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The attributes, in the order of the table."""
        return [str(name) for name in self.table.columns]


def read_attributes(judged: Judged, settings: Settings) -> Attributes:
    """Return the groups that the studies fall into.

    Args:
        judged: the studies.
        settings: ``attributes only intersections age_bands followup_bands unlisted root``.

    Raises:
        UserError: neither tables nor files are there, a file does not fit, or an attribute that was asked for has one
            value or too many.
    """
    found = Attributes(pd.DataFrame(index=pd.Index(judged.images, name="image_id")))
    index, why = reach_tables(judged.cell, settings["root"])
    if index is None:
        if not settings["attributes"]:
            raise UserError(f"age, sex, view and follow-up are not in reach: {why}.")
        found.notes.append(f"Age, sex, view and follow-up are not in reach: {why}.")
    else:
        _add_known(found, index, settings)
    everyone = judged.images if index is None else index.studies["image_id"].to_numpy(str)
    _add_files(found, settings["attributes"], settings["unlisted"], everyone)
    asked = [*settings["attributes"], *(settings["only"] or [])]
    _cross(found, settings["intersections"])
    _choose(found, settings["only"])
    _require_groups(found, [*asked, *map(_crossed_name, settings["intersections"])])
    return found


def data_of(cell: Cell) -> Settings:
    """Return the settings of the source that was scored: of the run itself where an evaluation names none."""
    datamodule: Settings = cell.settings["datamodule"]
    if datamodule.get("_target_") is None:
        datamodule = read_settings(run_of(cell.folder))["datamodule"]
    return datamodule


def reach_tables(cell: Cell, root: str | None) -> tuple[Index | None, str]:
    """Read the tables of the run's source, no film; return None and the reason where they are not in reach.

    Raises:
        UserError: they are there, and are not the ones that were scored.
    """
    try:
        datamodule = data_of(cell)
        if datamodule.get("_target_") is None:
            return None, f"{cell.folder.config} does not say of which data; root=… cannot help"
        place = Path(root or datamodule["root"])
        if not place.is_dir():
            return None, f"no data at {place}; root=… names their folder"
        require_known_targets({"datamodule": datamodule})
        index = build_source({"datamodule": {**datamodule, "root": str(place)}}).tables
    except (UserError, KeyError, TypeError) as error:
        return None, str(error).rstrip(".")
    scored = cell.certificate["data"]["files"]
    for number, (name, found) in enumerate(index.sources.items()):
        if found != scored.get(name):
            what = "label file" if number == 0 else "file"
            raise UserError(
                f"{place / name} is not the {what} that was scored ({found[:8]}, was {str(scored.get(name))[:8]}); "
                "root=… names the folder that has it."
            )
    return index, ""


def _add_known(found: Attributes, index: Index, settings: Settings) -> None:
    studies = index.studies.set_index("image_id").reindex(found.table.index)
    found.table["sex"] = _strings(studies["sex"])
    found.table["age"] = band(studies["age"], settings["age_bands"])
    found.table["view"] = _strings(studies["view"])
    found.table["followup"] = band(studies["followup"], settings["followup_bands"])
    known = index.attributes.set_index("image_id").reindex(found.table.index)
    for name in known.columns:
        found.table[name] = _strings(known[name])


def _add_files(found: Attributes, files: Mapping[str, str], unlisted: Unlisted, everyone: npt.NDArray[np.str_]) -> None:
    for name, path in files.items():
        if not isinstance(path, str):
            raise UserError(f"attributes.{name}={path}: expected the path of a CSV with a column image_id.")
        file = read_attribute_file(Path(path), name)
        if name in found.names:
            found.notes.append(f"{name} is that of {path}, not of the source.")
        found.table[name] = file.place(found.table.index, unlisted)
        if strangers := file.strangers(everyone):
            found.notes.append(
                f"{name}: {len(strangers):,} of {len(file.values):,} image ids of {path} are unknown to the source "
                f"(the first is {strangers[0]}) and left out."
            )


def band(values: pd.Series, cuts: Sequence[int]) -> pd.Series:
    """Return numbers as bands of whole numbers, each from its cut to below the next; missing stays missing.

    >>> band(pd.Series([3.0, 20.0, 79.0, np.nan, 80.0]), [20, 80]).tolist()
    ['0-19', '20-79', '20-79', nan, '80+']
    """
    edges = [0, *cuts]
    ends = [f"-{high - 1}" if high - 1 > low else "" for low, high in zip(edges, cuts, strict=False)]
    names = [f"{low}{end}" for low, end in zip(edges, [*ends, "+"], strict=True)]
    number = pd.to_numeric(values, errors="coerce")
    place = np.searchsorted(np.asarray(cuts), number.fillna(0).to_numpy(), side="right")
    named = pd.Series(np.array(names, object)[place], index=values.index)
    return named.where(number.notna()).astype("str")


def _strings(values: pd.Series) -> pd.Series:
    known = values.notna() & (values.astype("str") != "")
    return values.astype("str").where(known).astype("str")


def _crossed_name(names: Sequence[str]) -> str:
    return " × ".join(names)


def _cross(found: Attributes, intersections: Sequence[Sequence[str]]) -> None:
    for names in intersections:
        if absent := [name for name in names if name not in found.names]:
            raise UserError(f"intersections: no attribute {absent[0]!r}; there are {', '.join(found.names)}.")
        parts = found.table[list(names)]
        joined = parts.astype("str").agg(" ".join, axis=1).where(parts.notna().all(axis=1))
        found.table[_crossed_name(names)] = joined.astype("str")


def _choose(found: Attributes, only: Sequence[str] | None) -> None:
    if only is None:
        return
    crossed = [name for name in found.names if " × " in name]
    if absent := [name for name in only if name not in found.names]:
        raise UserError(f"only={absent[0]}: no such attribute; there are {', '.join(found.names)}.")
    found.table = found.table[[*only, *(name for name in crossed if name not in only)]]


def _require_groups(found: Attributes, asked: Sequence[str]) -> None:
    """Take out attributes that make no groups, and refuse those that somebody asked for."""
    for name in found.names:
        values = found.table[name].dropna().unique()
        if 2 <= len(values) <= MOST_GROUPS:
            continue
        why = f"of {len(found.table):,} studies all that is known is {values[0]!r}" if len(values) == 1 else ""
        why = why or ("it is known of no study" if not len(values) else f"it has {len(values):,} values")
        if name in asked:
            more = f"; join them to {MOST_GROUPS} or fewer" if len(values) > MOST_GROUPS else ""
            raise UserError(f"{name} makes no groups: {why}{more}.")
        found.left_out[name] = why
        found.table = found.table.drop(columns=name)
    if found.table.empty:
        raise UserError(
            "no attribute makes groups of these studies: " + "; ".join(map(": ".join, found.left_out.items()))
        )
