"""NIH ChestX-ray14 as it is published, in both editions of its label file.

Source: NIH Clinical Center; Wang et al., CVPR 2017. Layout and quirks: 112,120 frontal films, ``Data_Entry_2017.csv``
(ages like ``058Y``) or ``Data_Entry_2017_v2020.csv``, boxes in 1024-pixel space, two patient-disjoint official lists.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_xai.data.boxes import read_box_list
from cxr_xai.data.index import Index
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS, INDEX, NO_FINDING, canonical

LABEL_FILES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}
COLUMNS = {
    "Image Index": "image_id",
    "Finding Labels": "labels",
    "Follow-up #": "followup",
    "Patient ID": "patient_id",
    "Patient Age": "age",
    "Patient Gender": "sex",
    "View Position": "view",
}
OLDEST = 120


class NihReader:
    """Reads a whole or partial copy of the release.

    Args:
        box_list: name of the box list inside the root, or None to go on without boxes.
        name: what the source calls itself in run folders and tables.
    """

    def __init__(self, box_list: str | None = "BBox_List_2017.csv", name: str = "nih") -> None:
        self.box_list = box_list
        self.name = name

    def read(self, root: Path) -> Index:
        """Read labels, lists, boxes and the names of the image files; no image is opened.

        Raises:
            UserError: the folder, label file, a column, the box list or every image is missing.
        """
        if not root.is_dir():
            raise UserError(f"No folder {root}: datamodule.root must name the folder that holds {LABEL_FILES[0]}.")
        label_file = find_label_file(root)
        studies, counts = read_labels(label_file)
        used = [label_file]
        official = pd.Series(pd.NA, index=studies["image_id"], dtype="string")
        for part, name in LISTS.items():
            if (root / name).is_file():
                used.append(root / name)
                listed = read_list(root / name)
                if twice := official.index[official.notna() & official.index.isin(listed)].tolist():
                    raise UserError(f"{root}: {twice[0]} is in both official lists; use the lists of the release.")
                official[official.index.isin(listed)] = part
                counts[f"images in {name}"] = len(listed)
        studies["official"] = [None if pd.isna(part) else part for part in official]
        boxes = self._read_boxes(root, studies, used, counts)
        studies["path"] = studies["image_id"].map(find_images(root)).astype(object)
        studies.loc[studies["path"].isna(), "path"] = None
        counts["rows without an image file"] = int(studies["path"].isna().sum())
        counts["images found"] = len(studies) - counts["rows without an image file"]
        if counts["images found"] == 0:
            raise UserError(
                f"{label_file} has {len(studies):,} rows, but none of their images is in {root}/images_001/images … "
                f"or {root}/images; unpack at least one archive of the release there."
            )
        return Index(self.name, studies, boxes, {path.name: sha256(path) for path in used}, counts)

    def _read_boxes(self, root: Path, studies: pd.DataFrame, used: list[Path], counts: dict[str, int]) -> pd.DataFrame:
        """Read the box list and give each box its patient; boxes of unknown images are dropped and counted."""
        if self.box_list is None:
            return pd.DataFrame(columns=["image_id", "patient_id", "finding", "x0", "y0", "x1", "y1"])
        path = root / self.box_list
        if not path.is_file():
            raise UserError(
                f"No {self.box_list} in {root}: copy it there, or set datamodule.reader.box_list=null to go on "
                "without boxes (no localization scores)."
            )
        used.append(path)
        boxes = read_box_list(path)
        counts["boxes read"] = len(boxes)
        boxes = boxes.merge(studies[["image_id", "patient_id"]], on="image_id", how="inner")
        counts["boxes of images not in the label file"] = counts["boxes read"] - len(boxes)
        return boxes[["image_id", "patient_id", "finding", "x0", "y0", "x1", "y1"]]


def find_label_file(root: Path) -> Path:
    """Return the label file, the newer edition first."""
    for name in LABEL_FILES:
        if (root / name).is_file():
            return root / name
    raise UserError(f"No label file in {root}: looked for {' and '.join(LABEL_FILES)}; copy one of them there.")


def read_labels(path: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read either edition into tidy columns; say what had to be dropped or blanked.

    Rules: a repeated image keeps its first row; an age over 120 or unreadable becomes NaN (the 2017 edition has ages
    up to 414); a label outside the 14 findings is an error, since a renamed finding would silently become negative.
    """
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' own errors are ValueErrors
        raise UserError(f"{path} is not a table ({error}). Use the release's file.") from error
    if missing := [name for name in COLUMNS if name not in raw.columns]:
        raise UserError(
            f"{path} lacks the column {missing[0]!r}; found {', '.join(raw.columns[:8])} …. Use the release's file."
        )
    table = raw[list(COLUMNS)].rename(columns=COLUMNS)
    counts = {"rows in the label file": len(table)}
    table = table.drop_duplicates("image_id").reset_index(drop=True)
    counts["repeated rows dropped"] = counts["rows in the label file"] - len(table)
    ages = pd.to_numeric(table["age"].str.removesuffix("Y"), errors="coerce")
    table["age"] = ages.where(ages.between(0, OLDEST)).astype("float64")
    counts["ages blanked (impossible or unreadable)"] = int(table["age"].isna().sum())
    table["followup"] = pd.to_numeric(table["followup"], errors="coerce").fillna(0).astype("int64")
    table["patient_id"] = table["patient_id"].str.lstrip("0")
    return pd.concat([table.drop(columns="labels"), multi_hot(table["labels"], path)], axis=1), counts


def multi_hot(labels: pd.Series, path: Path) -> pd.DataFrame:
    """Turn ``A|B`` strings into ``(rows, K)`` zeros and ones, one parse per distinct string."""
    codes, distinct = pd.factorize(labels)
    table = np.zeros((len(distinct), len(FINDINGS)), np.float32)
    for row, text in enumerate(distinct):
        for name in map(canonical, str(text).split("|")):
            if name in INDEX:
                table[row, INDEX[name]] = 1
            elif name != NO_FINDING:
                raise UserError(
                    f"{path}: unknown finding {name!r} in {text!r}; expected the 14 names or {NO_FINDING!r}."
                )
    return pd.DataFrame(table[codes], columns=list(FINDINGS))


def read_list(path: Path) -> set[str]:
    """Read one image name per line."""
    return set(path.read_text().split())


def find_images(root: Path) -> dict[str, str]:
    """Map image names to paths, in ``images_0xx/images/``, ``images_0xx/`` or one flat ``images/``."""
    folders = [root / "images", *sorted(root.glob("images_*/images")), *sorted(root.glob("images_*"))]
    found: dict[str, str] = {}
    for folder in folders:
        if folder.is_dir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".png"):
                        found.setdefault(entry.name, entry.path)
    return found


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
