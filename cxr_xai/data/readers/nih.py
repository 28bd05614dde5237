"""NIH ChestX-ray14 as it is published, in both editions of its label file.

Source: NIH Clinical Center; Wang et al., CVPR 2017. Layout and quirks: 112,120 frontal films, ``Data_Entry_2017.csv``
(ages like ``058Y``) or ``Data_Entry_2017_v2020.csv``, boxes in 1024-pixel space, two patient-disjoint official lists.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from cxr_xai.data.adjudicated import FILES, WHOSE, place_adjudicated, read_adjudicated, relabel
from cxr_xai.data.boxes import read_box_list
from cxr_xai.data.index import BOX_COLUMNS, STUDY_COLUMNS, Index
from cxr_xai.data.neatx import read_drains
from cxr_xai.data.release.image_files import find_images
from cxr_xai.data.release.image_names import Names, as_names, check_names, positions
from cxr_xai.data.release.label_file import read_labels
from cxr_xai.data.release.links import Gate
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file
from cxr_xai.findings import FINDINGS, INDEX

LABEL_FILES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
NAMED = "copy it there, or name it with its folder"
LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}


class NihReader:
    """Reads a whole or partial copy of the release.

    Args:
        box_list: name of the box list inside the root, or None to go on without boxes.
        name: what the source calls itself in run folders and tables.
        links_out: whether tables, folders and images may be links that lead out of the root; refused unless true, and
            then counted.
        labels: ``mined`` from reports, or ``adjudicated`` by radiologists: of these what is the same as a finding of
            ours, all else unknown (`data.adjudicated`).
        adjudicated: their files, in the root or elsewhere; None looks in the root for the published two if they are to
            be the labels.
        neatx: the file of chest drains (`data.neatx`), in the root or elsewhere: the attribute ``drain``.
    """

    def __init__(
        self,
        box_list: str | None = "BBox_List_2017.csv",
        name: str = "nih",
        links_out: bool = False,
        labels: Literal["mined", "adjudicated"] = "mined",
        adjudicated: list[str] | None = None,
        neatx: str | None = None,
    ) -> None:
        self.box_list, self.name, self.links_out = box_list, name, links_out
        self.labels, self.neatx = labels, neatx
        self.adjudicated = list(FILES) if adjudicated is None and labels == "adjudicated" else adjudicated or []

    def read(self, root: Path) -> Index:
        """Read labels, lists, boxes and the names of the image files; no image is opened.

        The rules for what is odd, and how it is counted, are those of ``read_labels``, ``read_lists``,
        ``read_box_list``, ``find_images`` and ``Gate``.

        Raises:
            UserError: the folder, label file, a column, the box list or every image is missing, or a rule refuses.
        """
        gate = self._open(root)
        index = self._read(root, gate)
        paths, found = find_images(root, as_names(index.studies["image_id"]), gate)
        if found["images found"] == 0:
            raise UserError(
                f"{next(iter(index.sources))} in {root} has {len(index.studies):,} rows, but none of their images is "
                f"in {root}/images_001/images … or {root}/images; unpack at least one archive of the release there."
            )
        studies = index.studies.assign(path=pd.Series(paths, dtype=object))
        counts = {**index.counts, **found, "links out of the root": gate.out}
        return replace(index, studies=studies, counts=counts)

    def read_tables(self, root: Path) -> Index:
        """Read labels, lists and boxes as `read` does, and look for no image: every path is None.

        Raises:
            UserError: the folder, label file, a column or the box list is missing, or a rule refuses.
        """
        return self._read(root, self._open(root))

    def _open(self, root: Path) -> Gate:
        if not root.is_dir():
            raise UserError(f"No folder {root}: datamodule.root must name the folder that holds {LABEL_FILES[0]}.")
        return Gate(root, self.links_out)

    def _read(self, root: Path, gate: Gate) -> Index:
        label_file, box_list = find_label_file(root), self._find_box_list(root)
        lists = {part: root / name for part, name in LISTS.items() if (root / name).is_file()}
        used = [label_file, *lists.values(), *([box_list] if box_list else [])]
        for path in used:
            gate.check(path)
        studies, counts = read_labels(label_file)
        images = as_names(studies["image_id"])
        studies["official"], listed = read_lists(lists, images)
        boxes, boxed = read_boxes(box_list, studies, images)
        studies["path"] = pd.Series(None, studies.index, dtype=object)
        sources = {path.name: hash_file(path) for path in used}
        counts |= listed | boxed
        index = Index(self.name, studies[list(STUDY_COLUMNS)], boxes, sources, counts, box_list=self.box_list)
        return self._add_drains(self._add_adjudicated(index, root, gate), root, gate)

    def _add_adjudicated(self, index: Index, root: Path, gate: Gate) -> Index:
        """Add what radiologists said, and make it the labels where that is asked for."""
        if not self.adjudicated:
            return index
        paths = [gate.find(name, root, NAMED) for name in self.adjudicated]
        read, counts = read_adjudicated(paths)
        table, placed = place_adjudicated(read, index.studies)
        theirs = self.labels == "adjudicated"
        return replace(
            index,
            studies=relabel(index.studies, table) if theirs else index.studies,
            adjudicated=table,
            labels=WHOSE if theirs else "",
            sources={**index.sources, **{path.name: hash_file(path) for path in paths}},
            counts={**index.counts, **counts, **placed},
        )

    def _add_drains(self, index: Index, root: Path, gate: Gate) -> Index:
        if self.neatx is None:
            return index
        path = gate.find(self.neatx, root, NAMED)
        drains, images = read_drains(path), index.studies["image_id"]
        known = drains[drains.index.isin(images)]
        if known.empty:
            raise UserError(f"{path} names none of the {len(images):,} images; give the file of NEATX for NIH films.")
        counts = {f"films with drain: {word}": int((known == word).sum()) for word in ("yes", "no")}
        counts |= {"drain annotations unsure": int(known.isna().sum())}
        counts |= {"drain annotations of images not in the label file": len(drains) - len(known)}
        return replace(
            index,
            attributes=pd.DataFrame({"image_id": images, "drain": images.map(known)}),
            sources={**index.sources, path.name: hash_file(path)},
            counts={**index.counts, **counts},
        )

    def _find_box_list(self, root: Path) -> Path | None:
        path = None if self.box_list is None else root / self.box_list
        if path is not None and not path.is_file():
            raise UserError(
                f"No {self.box_list} in {root}: copy it there, or set datamodule.reader.box_list=null to go on "
                "without boxes (no localization scores)."
            )
        return path


def find_label_file(root: Path) -> Path:
    """Return the label file, the newer edition first."""
    for name in LABEL_FILES:
        if (root / name).is_file():
            return root / name
    raise UserError(f"No label file in {root}: looked for {' and '.join(LABEL_FILES)}; copy one of them there.")


def read_lists(lists: Mapping[str, Path], images: Names) -> tuple[pd.Series, dict[str, int]]:
    """Read the official lists, one image name per line; blank lines and repeated names do not count.

    Returns:
        ``(images,)`` the part of every image, missing where no list has it; and counts, in words → number.

    Raises:
        UserError: a name is not a plain image name, or an image is in two lists.
    """
    number = np.full(len(images), -1)
    counts, unknown = {}, 0
    for k, path in enumerate(lists.values()):
        names = read_list(path)
        row = positions(names, images)
        listed = row[row >= 0]
        if len(listed) < len(row):  # names of the label file are plain already
            check_names(names, path, header=0)
        if (number[listed] >= 0).any():
            twice = images[int(listed[(number[listed] >= 0).argmax()])]
            raise UserError(f"{path.parent}: {twice} is in both official lists; use the lists of the release.")
        number[listed] = k
        unknown += len(row) - len(listed)
        counts[f"images in {path.name}"] = int((number == k).sum())
    if lists:
        counts["listed images not in the label file"] = unknown
        counts["rows in neither list"] = int((number < 0).sum())
    return as_names(list(lists)).take(pa.array(number, mask=number < 0)).to_pandas(), counts


def read_list(path: Path) -> Names:
    """Read one image name per line."""
    try:
        read = arrow_csv.ReadOptions(column_names=["image_id"])
        convert = arrow_csv.ConvertOptions(column_types={"image_id": pa.string()})
        names = as_names(arrow_csv.read_csv(path, read, convert_options=convert)["image_id"])
    except ValueError as error:  # Arrow's errors are ValueErrors
        raise UserError(
            f"{path} is not a list of one image name per line ({error}). Use the release's file."
        ) from error
    names = pc.utf8_trim_whitespace(names)
    return names.filter(pc.not_equal(names, ""))


def read_boxes(path: Path | None, studies: pd.DataFrame, images: Names) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the box list and give each box its patient.

    A row that says the same again is dropped, and so is a box of an image that is not in the label file; both are
    counted, as are boxes whose finding the labels of their image do not name.

    Returns:
        The columns ``BOX_COLUMNS``; and counts, in words → number.
    """
    if path is None:
        return pd.DataFrame(columns=list(BOX_COLUMNS)), {}
    read = read_box_list(path)
    boxes = read.drop_duplicates()
    row = positions(as_names(boxes["image_id"]), images)
    known, row = boxes[row >= 0].reset_index(drop=True), row[row >= 0]
    known["patient_id"] = studies["patient_id"].iloc[row].to_numpy()
    said = studies[list(FINDINGS)].to_numpy()[row, known["finding"].map(INDEX)]
    return known[list(BOX_COLUMNS)], {
        "boxes read": len(read),
        "repeated boxes dropped": len(read) - len(boxes),
        "boxes of images not in the label file": len(boxes) - len(known),
        "boxes of findings not in the labels": int((said == 0).sum()),
    }
