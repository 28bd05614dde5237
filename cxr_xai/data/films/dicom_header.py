"""What the header of a DICOM film says beside its pixels: size, and age, sex and view where the publisher left them.

Only the elements in ``ELEMENTS`` are parsed: no name, date or identifier enters memory.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.data.release.label_file import SEXES, VIEWS, age_in_years

ELEMENTS = ("Rows", "Columns", "PatientAge", "PatientSex", "ViewPosition")


@dataclass(frozen=True)
class FilmHeader:
    """Of one film: stored pixels, 0 where unreadable; years, NaN unknown; ``M``, ``F``, ``PA``, ``AP`` or empty.

    An age of 0 is unknown: anonymizers write it, and the sources are of adults, or nearly.
    """

    width: int = 0
    height: int = 0
    age: float = float("nan")
    sex: str = ""
    view: str = ""


def read_header(path: str | None) -> FilmHeader:
    """Read the header of one file; a file that is no DICOM, or broken, says nothing: its film is judged later."""
    from pydicom import dcmread  # 0.3 s, only where there is a DICOM file

    if path is None:
        return FilmHeader()
    try:
        data = dcmread(path, stop_before_pixels=True, specific_tags=list(ELEMENTS))
        # As they stand: pydicom warns of ages such as "51", which a source writes 26,684 times.
        age, sex, view = (_text(data.get_item(name)) for name in ELEMENTS[2:])
        return FilmHeader(
            int(data.get("Columns") or 0),
            int(data.get("Rows") or 0),
            age_in_years(age) or float("nan"),
            sex if sex in SEXES else "",
            view if view in VIEWS else "",
        )
    except Exception:  # a parser on hostile bytes may raise anything
        return FilmHeader()


def _text(element: Any) -> str:
    value = b"" if element is None else element.value or b""
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip(" \0")


def read_headers(paths: Sequence[str | None]) -> pd.DataFrame:
    """Read the headers of many films, None for one without a file.

    Returns:
        ``width, height, age, sex, view``, one row a path.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = [asdict(header) for header in pool.map(read_header, paths)]
    table = pd.DataFrame(rows, columns=list(FilmHeader.__dataclass_fields__))
    return table.astype({"width": np.int64, "height": np.int64, "age": np.float64})


def look_up_headers(headers: pd.DataFrame, images: Sequence[str]) -> pd.DataFrame:
    """Return what `read_headers` would, from headers that were read before; an image that is not among them has none.

    Args:
        headers: ``width, height, age, sex, view``, by image.
        images: one for each row that is wanted.
    """
    found = headers.reindex(list(images)).reset_index(drop=True)
    known = {"width": found["width"].fillna(0).astype(np.int64), "height": found["height"].fillna(0).astype(np.int64)}
    return found.assign(**known, sex=found["sex"].fillna(""), view=found["view"].fillna(""))
