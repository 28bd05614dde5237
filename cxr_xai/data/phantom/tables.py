"""The text files of a phantom folder, with the headers and quirks of the release."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from cxr_xai.data.phantom.spec import PhantomStudy
from cxr_xai.findings import ALIASES, NO_FINDING

Box = tuple[float, float, float, float]

ENTRY_FILE, BOX_FILE = "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"
LIST_FILES = {"train_val": "train_val_list.txt", "test": "test_list.txt"}
SHORTCUT_FILE = "shortcuts.csv"

_ENTRY_HEADER = (  # the commas inside the brackets split the header's fields, as in the release
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
_BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
_BOX_NAMES = {name: alias for alias, name in ALIASES.items()}  # the box list says Infiltrate
_BOX_SPACE = 1024  # boxes are given in pixels of the original 1024-pixel images, whatever size is stored


def tight_box(mask: npt.NDArray[np.bool_]) -> Box:
    """Return the smallest box ``(x, y, w, h)`` around a mask, in 1024-pixel space.

    >>> mask = np.zeros((4, 4), bool); mask[1:3, 2] = True
    >>> tight_box(mask)
    (512.0, 256.0, 256.0, 512.0)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    scale = _BOX_SPACE / mask.shape[0]
    x, y = float(columns[0]), float(rows[0])
    return x * scale, y * scale, (float(columns[-1]) + 1 - x) * scale, (float(rows[-1]) + 1 - y) * scale


def entry_table(studies: Iterable[PhantomStudy]) -> str:
    """Text of the label file; the older numbering leaves some follow-up numbers unlike the file's own."""
    rows = [_ENTRY_HEADER]
    for s in studies:
        width, height, spacing = s.original
        labels = "|".join(sorted(s.findings)) or NO_FINDING
        person = f"{s.follow_up},{s.patient},{s.age},{s.sex},{s.view}"
        rows.append(f"{s.image_id},{labels},{person},{width},{height},{spacing!r},{spacing!r}")
    return "\n".join(rows) + "\n"


def box_table(boxes: Mapping[tuple[str, str], Box]) -> str:
    """Text of the box list, keyed by image and finding; rows sorted by finding as in the release."""
    rows = [_BOX_HEADER]
    for (image_id, finding), box in sorted(boxes.items(), key=lambda item: (item[0][1], item[0][0])):
        numbers = ",".join(f"{value:.12f}".rstrip("0") + ("0" if float(value).is_integer() else "") for value in box)
        rows.append(f"{image_id},{_BOX_NAMES.get(finding, finding)},{numbers}")
    return "\n".join(rows) + "\n"


def image_list(studies: Iterable[PhantomStudy], part: str) -> str:
    """Text of one of the two official lists."""
    return "".join(f"{s.image_id}\n" for s in studies if s.part == part)


def shortcut_table(studies: Iterable[PhantomStudy]) -> str:
    """Text of the record of what was planted: 0 or 1 for marker and drain, gray levels for brightness."""
    rows = ["image_id,view,marker,drain,brightness"]
    rows += [f"{s.image_id},{s.view},{int(s.marker)},{int(s.drain)},{s.brightness:.4f}" for s in studies]
    return "\n".join(rows) + "\n"
