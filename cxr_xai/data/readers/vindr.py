"""VinDr-CXR 1.0.0 as PhysioNet publishes it: three readers a training film, a consensus of five on test films.

Source: Nguyen et al., VinDr-CXR, Scientific Data 2022 (https://doi.org/10.1038/s41597-022-01498-w);
https://physionet.org/content/vindr-cxr/1.0.0/. Layout: ``train/*.dicom`` (15,000), ``test/*.dicom`` (3,000),
``annotations/annotations_{train,test}.csv`` and ``annotations/image_labels_{train,test}.csv``; all films are PA. No
table has a patient, so every film is taken as a patient of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.boxes import CORNERS
from cxr_xai.data.crosswalk import SAME, Crosswalk
from cxr_xai.data.films.dicom_header import look_up_headers, read_headers
from cxr_xai.data.index import Index
from cxr_xai.data.merging import merge_boxes
from cxr_xai.data.release.foreign import ONE_A_FILM, Counts, describe_labels, make_boxes, make_studies
from cxr_xai.data.release.image_files import match_files
from cxr_xai.data.release.image_names import as_names, check_names
from cxr_xai.data.release.links import Gate
from cxr_xai.data.release.table import as_labels, as_numbers, read_columns, read_header
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file

PARTS = {"train": "train_val", "test": "test"}
SPELLINGS = {"Other disease": "Other diseases"}
"""The test table's spelling of a class of the training table."""

SUFFIX = ".dicom"
EDGES = ["x_min", "y_min", "x_max", "y_max"]
Votes = Literal["majority", "any", "all", "agreed"]
Array = npt.NDArray[np.float64]

RULES: dict[str, Callable[[Array, Array], Array]] = {
    "majority": lambda ayes, readers: (2 * ayes > readers).astype(np.float64),
    "any": lambda ayes, readers: (ayes > 0).astype(np.float64),
    "all": lambda ayes, readers: (ayes == readers).astype(np.float64),
    "agreed": lambda ayes, readers: np.where((ayes == 0) | (ayes == readers), (ayes > 0).astype(np.float64), np.nan),
}
"""From how many of so many readers say yes to a label; ``agreed`` leaves unknown what they do not agree on."""


class VindrReader:
    """Reads a whole or partial copy; either part may be absent.

    Args:
        votes: label of a training film from its readers: ``majority`` (more than half; two of three), ``any``,
            ``all``, or ``agreed``. Test films have the consensus.
        merge: boxes that several readers drew of one finding: ``mean`` of those that overlap (`merge_boxes`), or
            ``each`` as it was drawn.
        crosswalk: rules beside ``same`` by which their classes become ours.
        headers: false opens no film: ages and sexes are unknown, and so are boxes, which are in pixels of films whose
            sizes stand in no table.
        name: what the source calls itself.
        links_out: whether links may lead out of the root.
    """

    def __init__(
        self,
        votes: Votes = "majority",
        merge: Literal["mean", "each"] = "mean",
        crosswalk: str | Sequence[str] = SAME,
        headers: bool = True,
        name: str = "vindr",
        links_out: bool = False,
    ) -> None:
        if votes not in RULES or merge not in ("mean", "each"):
            raise UserError(
                f"datamodule.reader.votes={votes} merge={merge}: expected {', '.join(RULES)}, and mean or each."
            )
        self.votes, self.merge, self.headers = votes, merge, headers
        self.walk, self.name, self.links_out = Crosswalk("vindr", crosswalk), name, links_out

    def read(self, root: Path) -> Index:
        """Read labels, boxes and headers of films; no pixel is decoded.

        Raises:
            UserError: the folder, both parts, a table, a column or every film is missing, a value or a class is none
                of the release, or boxes and films do not belong together.
        """
        index, found = self._read(root)
        if not index.present.any():
            raise UserError(
                f"The tables in {root} have {found:,} images, but none of them is in {root}/train or {root}/test."
            )
        return index

    def read_tables(self, root: Path) -> Index:
        """Read the same, and keep no path; sizes of films, hence boxes, are known where films are there.

        Raises:
            UserError: as `read`, films apart.
        """
        return _without_paths(self._read(root)[0])

    def read_beside(self, root: Path, headers: pd.DataFrame) -> Index:
        """Read tables beside headers of films that lie elsewhere; every path is None.

        Raises:
            UserError: as `read`, films apart.
        """
        return _without_paths(self._read(root, headers)[0])

    def _read(self, root: Path, headers: pd.DataFrame | None = None) -> tuple[Index, int]:
        files = find_tables(root)
        gate, first = Gate(root, self.links_out), next(iter(files.values()))
        for path in (*(path for pair in files.values() for path in pair), *(root / part for part in PARTS)):
            gate.check(path)
        labels, counts = zip(*(read_votes(pair[0], self.walk, self.votes) for pair in files.values()), strict=True)
        part = np.repeat([PARTS[name] for name in files], [len(table) for table in labels])
        table = pd.concat(labels)
        if (twice := table.index.duplicated()).any():
            raise UserError(f"{root}: {table.index[twice][0]} is in both parts; use the tables of the release.")
        images = as_names([f"{name}{SUFFIX}" for name in table.index])
        check_names(images, first[0], header=1)
        paths, found = match_files([root / name for name in PARTS if (root / name).is_dir()], images, gate)
        names = list(table.index + SUFFIX)
        if headers is None or not self.headers:
            headers = read_headers(list(paths) if self.headers else [None] * len(paths))
        else:
            headers = look_up_headers(headers, names)
        studies, translated = make_studies(
            names, list(table.index), table.reset_index(drop=True), self.walk,
            path=pd.Series(paths, dtype=object), official=part, view="PA", age=headers["age"], sex=headers["sex"],
        )  # fmt: skip
        drawn = pd.concat([read_drawn(pair[1], self.walk) for pair in files.values()], ignore_index=True)
        boxes, boxed = self._place(drawn, studies, headers, first[1])
        judged = files.get("test", first)  # a protocol names one file, and test is what numbers are of
        sources = {path.name: hash_file(path) for pair in (judged, *files.values()) for path in pair}
        total = {key: sum(each[key] for each in counts) for key in counts[0]}
        about = describe_labels(self.walk, labels=f"{self.votes} of readers, consensus on test", boxes=self.merge)
        about = {**about, "patients": f"{ONE_A_FILM}, for none are published"}
        counted = {**total, **translated, **found, **boxed, "links out of the root": gate.out}
        return Index(self.name, studies, boxes, sources, counted, about, judged[1].name), len(table)

    def _place(
        self, drawn: pd.DataFrame, studies: pd.DataFrame, headers: pd.DataFrame, what: Path
    ) -> tuple[pd.DataFrame, Counts]:
        """Turn pixels of films into fractions, merge what several readers drew, and keep boxes of present findings."""
        sizes = headers.set_index(studies["image_id"])[["width", "height"]].replace(0, np.nan)
        size = sizes.reindex(drawn["image_id"]).to_numpy(np.float64)
        corners = drawn[EDGES].to_numpy(np.float64) / size[:, [0, 1, 0, 1]]
        boxes = pd.concat([drawn[["image_id", "theirs", "rad_id"]], pd.DataFrame(corners, columns=CORNERS)], axis=1)
        placed, counts = make_boxes(boxes, studies, self.walk, what)
        drawn_by = placed.pop("rad_id")
        if self.merge == "each":
            return placed, counts
        read = placed["image_id"].isin(studies.loc[studies["official"] == "train_val", "image_id"])  # by several
        joined = merge_boxes(placed[read].reset_index(drop=True), drawn_by[read].tolist())
        merged = pd.concat([joined, placed[~read]], ignore_index=True)
        return merged, {**counts, "boxes merged with another reader's": len(placed) - len(merged)}


def _without_paths(index: Index) -> Index:
    return replace(index, studies=index.studies.assign(path=pd.Series(None, index.studies.index, dtype=object)))


def find_tables(root: Path) -> dict[str, tuple[Path, Path]]:
    """Return the label table and the box table of each part that is there.

    Raises:
        UserError: the folder is missing, or neither part is there, or one lacks its boxes.
    """
    if not root.is_dir():
        raise UserError(f"No folder {root}: datamodule.root must name the folder that holds annotations/ and train/.")
    place = root / "annotations" if (root / "annotations").is_dir() else root
    files = {name: (place / f"image_labels_{name}.csv", place / f"annotations_{name}.csv") for name in PARTS}
    found = {name: pair for name, pair in files.items() if any(path.is_file() for path in pair)}
    if not found:
        raise UserError(f"Neither image_labels_train.csv nor image_labels_test.csv is in {place}; copy them there.")
    return found


def read_votes(path: Path, walk: Crosswalk, votes: Votes) -> tuple[pd.DataFrame, Counts]:
    """Read one label table, and join what readers say of an image by a rule.

    Returns:
        One row an image, by its id and in the order of the file, one column a class, 0, 1 or NaN; and counts.

    Raises:
        UserError: a column is missing or unknown, a value is neither 0 nor 1, or a reader judged an image twice.
    """
    header = read_header(path)
    ids = [name for name in header if name.lower() in ("image_id", "rad_id")]
    classes = [name for name in header if name not in ids]
    if unknown := [name for name in classes if SPELLINGS.get(name, name) not in walk.classes]:
        raise UserError(
            f"{path}: unknown class {unknown[0]!r}; expected {', '.join(walk.classes[:4])} … of release 1.0.0."
        )
    named = {SPELLINGS.get(name, name): name for name in classes}
    if missing := [name for name in walk.classes if name not in named]:
        raise UserError(f"{path} lacks the column {missing[0]!r}; use the table of release 1.0.0.")
    table = read_columns(path, ["image_id", *[name for name in ids if name != "image_id"], *classes])
    said = pd.DataFrame({name: as_labels(table[column], (0, 1), path) for name, column in named.items()})
    if (twice := table.duplicated(ids)).any():
        raise UserError(f"{path} line {int(twice.to_numpy().argmax()) + 2}: this reader judged this image before.")
    groups = said.groupby(table["image_id"], sort=False)
    ayes, readers = groups.sum(), groups.count()
    judged = groups.size()
    labels = pd.DataFrame(
        RULES[votes](ayes.to_numpy(np.float64), readers.to_numpy(np.float64)), ayes.index, ayes.columns
    )
    odd = int((judged != 3).sum()) if len(ids) > 1 else 0
    return labels.where(readers > 0), {"rows in the label files": len(table), "training images not read by three": odd}


def read_drawn(path: Path, walk: Crosswalk) -> pd.DataFrame:
    """Read one box table; rows without a box (``No finding``, diagnoses) are none.

    Returns:
        ``image_id`` (with its suffix), ``theirs``, ``rad_id`` (empty for a consensus) and edges in pixels of the
        published film, each box once a reader.

    Raises:
        UserError: a column is missing, a class is unknown, or an edge is no number.
    """
    ids = [name for name in read_header(path) if name.lower() == "rad_id"]
    table = read_columns(path, ["image_id", *ids, "class_name", *EDGES])
    theirs = table["class_name"].replace(SPELLINGS)
    if (unknown := ~theirs.isin(walk.classes)).any():
        row = int(unknown.to_numpy().argmax())
        raise UserError(f"{path} line {row + 2}: unknown class {theirs[row]!r}; use the table of release 1.0.0.")
    edges = as_numbers(table, EDGES, path)
    said_by = table[ids[0]] if ids else ""
    drawn = pd.concat([table[["image_id"]].assign(theirs=theirs, rad_id=said_by), edges], axis=1).dropna(subset=EDGES)
    drawn = drawn.drop_duplicates().assign(image_id=lambda rows: rows["image_id"] + SUFFIX)
    return drawn[["image_id", "theirs", "rad_id", *EDGES]].reset_index(drop=True)
