"""The files of CheXpert and CheXlocalize: which tables, films and masks a copy has, and what a path says."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.release.links import Gate
from cxr_xai.data.release.table import as_labels, read_columns, read_header
from cxr_xai.errors import UserError

TABLES = {
    "train": ("train.csv",),
    "valid": ("valid.csv", "val_labels.csv"),
    "test": ("test.csv", "test_labels.csv"),
}
FOLDERS = {"train": ("train",), "valid": ("valid", "val"), "test": ("test",)}
MASKS = {"valid": "gt_segmentations_val.json", "test": "gt_segmentations_test.json"}
"""By part, as CheXpert and CheXlocalize call them."""

NAME = (
    r"(?:^|/)(?:train|valid|val|test)/(?P<patient>patient\d+)/(?P<study>study\d+)"
    r"/(?P<view>view\d+_(?:frontal|lateral)\.\w+)$"
)
ABOUT = ("Sex", "Age", "AP/PA")
"""Columns that CheXlocalize's tables do not have."""

SEXES = {"Male": "M", "Female": "F"}
VALUES = (1, 0, -1)


@dataclass(frozen=True)
class Layout:
    """What a copy has.

    Attributes:
        tables: the label table of each part that is there, train first.
        folders: where films of each part may lie.
        masks: files of masks by part.
    """

    tables: dict[str, Path]
    folders: dict[str, list[Path]]
    masks: dict[str, Path]


def find_layout(root: Path) -> Layout:
    """Look for tables, films and masks in the folder and in folders of it called CheX….

    Raises:
        UserError: there is no folder, or no table.
    """
    if not root.is_dir():
        raise UserError(f"No folder {root}: datamodule.root must name the folder that holds train.csv or valid.csv.")
    places = [root, *sorted(path for path in root.glob("CheX*") if path.is_dir())]
    tables = {part: path for part, names in TABLES.items() for path in _first(places, names)}
    if not tables:
        raise UserError(f"None of train.csv, valid.csv and test.csv is in {root}; copy one of them there.")
    folders = {part: [place / name for place in places for name in names] for part, names in FOLDERS.items()}
    folders["train"] += [place for place in places if "(train" in place.name]  # the batches of the full release
    folders = {part: [folder for folder in found if folder.is_dir()] for part, found in folders.items()}
    masks = {part: path for part, name in MASKS.items() for path in _first(places, (name,))}
    return Layout(tables, folders, masks)


def _first(places: list[Path], names: tuple[str, ...]) -> Iterator[Path]:
    """Yield the first of these files that is there, if any is."""
    yield from [path for place in places for name in names if (path := place / name).is_file()][:1]


def read_part(part: str, path: Path, classes: tuple[str, ...]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the frontal rows of one table.

    Returns:
        ``part, image_id, patient_id, place`` (below the part's folder), ``age, sex, view`` and the observations: 1, 0,
        -1 or NaN; and counts.

    Raises:
        UserError: a column is missing, an observation has another value, or a path is none of a film.
    """
    about = [name for name in ABOUT if name in read_header(path)]
    table = read_columns(path, ["Path", *about, *classes])
    names = table["Path"].str.extract(NAME)
    if names["patient"].isna().any():
        row = int(names["patient"].isna().to_numpy().argmax())
        raise UserError(
            f"{path} line {row + 2}: {table['Path'][row][:80]!r} is no path of a film, such as "
            "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg; use the published file."
        )
    said = {name: as_labels(table[name], VALUES, path) for name in classes}
    absent = pd.Series("", table.index)
    sex, age, view = (table[name] if name in about else absent for name in ABOUT)
    years = pd.to_numeric(age, errors="coerce")
    columns = names[["patient", "study", "view"]]
    tidy = pd.DataFrame(
        {
            "part": part,
            "image_id": _join(columns, "_"),
            "patient_id": names["patient"],
            "place": _join(columns, "/"),
            "age": years.mask(years <= 0),  # the one film of unknown sex has age 0
            "sex": sex.map(SEXES).fillna(""),
            "view": view.where(view.isin(("AP", "PA")), ""),
            **said,
        }
    )
    frontal = names["view"].str.contains("_frontal").to_numpy(bool)
    counts = {"rows in the label files": len(table), "lateral films left out": int((~frontal).sum())}
    return tidy[frontal], counts


def _join(columns: pd.DataFrame, mark: str) -> "pd.Series[str]":
    return columns["patient"] + mark + columns["study"] + mark + columns["view"]


def find_films(layout: Layout, films: pd.DataFrame, gate: Gate) -> tuple[npt.NDArray[np.object_], dict[str, int]]:
    """Return ``(films,)`` paths, None where there is no file, and what was found.

    Args:
        layout: of the copy.
        films: ``part`` and ``place`` of each.
        gate: refuses or counts links that lead out.
    """
    for folders in layout.folders.values():
        for folder in folders:
            gate.check(folder)
    paths = np.full(len(films), None, object)
    for row, (part, place) in enumerate(zip(films["part"], films["place"], strict=True)):
        candidates = (f"{folder}/{place}" for folder in layout.folders[part])
        paths[row] = next(filter(os.path.isfile, candidates), None)
        if paths[row] is not None:
            gate.check(paths[row])
    found = int(sum(path is not None for path in paths))
    return paths, {"rows without an image file": len(paths) - found, "images found": found}
