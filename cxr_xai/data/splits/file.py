"""A split as a file: written by every run, read where the very same division is wanted again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.index import Index
from cxr_xai.data.splits.split import EXTERNAL, LISTED, PARTS, SELECTION, Split, make_split
from cxr_xai.errors import UserError
from cxr_xai.files import whole

MARK = "# split "


def write_split(path: Path, studies: pd.DataFrame, split: Split) -> None:
    """Write ``image_id,patient_id,part`` by image, under a first line that holds scheme, hash and how it was drawn.

    Equal splits give equal bytes, whatever the order of the label file.
    """
    table = studies[["image_id", "patient_id"]].assign(part=split.part).sort_values("image_id", kind="stable")
    head = json.dumps({"scheme": split.scheme, "sha256": split.hash, "about": dict(split.about)}, sort_keys=True)
    with whole(path) as partial:
        partial.write_text(f"{MARK}{head}\n" + table.to_csv(index=False, lineterminator="\n"))


class FileSplit:
    """Reads a split that a run wrote, or a list made by hand.

    A split that a run wrote keeps the name of its scheme, must fit the label file image by image, and must still have
    its hash. A list by hand is a CSV with the columns ``image_id,part``; images that it does not name take no part, and
    its scheme is called ``file``. Either is proved patient-disjoint again.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def split(self, index: Index) -> Split:
        """Divide the label file as the file says.

        Raises:
            UserError: the file is missing or malformed, does not fit the label file, was changed, or tears a patient.
        """
        head, table = read_split(self.path)
        part = self._place(table, index.studies)
        if head is None:
            return make_split("file", index.studies, part)
        if len(table) != len(index.studies):
            raise UserError(
                f"split.path={self.path} divides {len(table):,} images and the label file has "
                f"{len(index.studies):,}; it was made for another source."
            )
        split = make_split(str(head["scheme"]), index.studies, part, head["about"])
        if split.hash != head["sha256"]:
            raise UserError(
                f"split.path={self.path} was changed after it was written ({split.hash[:8]}, its first line says "
                f"{str(head['sha256'])[:8]}); take that line off if it is to be a list by hand."
            )
        official = index.studies["official"].to_numpy() == "test"
        listed = LISTED.get(split.scheme)
        if listed is not None and not np.array_equal(official, part == listed):
            raise UserError(
                f"split.path={self.path} calls itself {split.scheme}, and its {listed} part is not the test list of "
                f"{index.name}."
            )
        return split

    def _place(self, table: pd.DataFrame, studies: pd.DataFrame) -> npt.NDArray[np.str_]:
        if unknown := sorted(set(table["image_id"]) - set(studies["image_id"])):
            raise UserError(
                f"split.path={self.path} names {unknown[0]}, which the label file does not have "
                f"({len(unknown):,} such images); it was made for another source."
            )
        parts = studies["image_id"].map(dict(zip(table["image_id"], table["part"], strict=True)))
        return parts.fillna("").to_numpy(str)


def read_split(path: Path) -> tuple[Mapping[str, Any] | None, pd.DataFrame]:
    """Return what the first line says (None for a list by hand) and the columns ``image_id, part``.

    A file that a run wrote has ``patient_id`` between them.

    Raises:
        UserError: there is no such file, or it is no split.
    """
    try:
        with path.open() as file:
            first = file.readline()
        head = json.loads(first.removeprefix(MARK)) if first.startswith(MARK) else None
        table = pd.read_csv(path, skiprows=0 if head is None else 1, dtype=str, keep_default_na=False)
        table = table[["image_id", *(["patient_id"] if head else []), "part"]]
        if head is not None and not {"scheme", "sha256", "about"} <= head.keys():
            raise ValueError("its first line lacks scheme, sha256 or about")
    except FileNotFoundError as error:
        raise UserError(f"split.path={path}: no such file; runs write theirs as split.csv.") from error
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"split.path={path} is no split ({error}); expected a CSV with image_id,part.") from error
    known = (*PARTS, SELECTION, EXTERNAL)
    if wrong := sorted(set(table["part"]) - {*known, ""}):
        raise UserError(f"split.path={path} has a part {wrong[0]!r}; the parts are {', '.join(known)}, or nothing.")
    if table["image_id"].duplicated().any():
        twice = table["image_id"][table["image_id"].duplicated()].iloc[0]
        raise UserError(f"split.path={path} names {twice} twice; an image has one part.")
    return head, table
