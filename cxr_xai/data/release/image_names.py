"""What an image may be called: a plain file name, so that no name in a table leads out of the folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cxr_xai.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
"""The suffixes of image files, in the order in which copies of one image are preferred."""

PLAIN = r"\A(?:[^./\\:,\"\s[:cntrl:]]+\.)+(?i:png|jpe?g|dcm|dicom)\z"
"""Parts joined by single dots, the last an image suffix: no folder, drive, ``..``, comma, quote, space or NUL."""

Names = Any
"""An Arrow array of strings: joins and patterns over 112,120 names take milliseconds there."""


def as_names(values: Iterable[Any]) -> Names:
    """Return strings as one Arrow array; a missing value becomes null."""
    names = values if isinstance(values, pa.ChunkedArray) else pa.array(values, pa.string(), from_pandas=True)
    return names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names


def positions(names: Names, known: Names) -> npt.NDArray[np.int64]:
    """Return where each name first stands in ``known``, −1 where it does not.

    >>> positions(as_names(["b.png", "x.png"]), as_names(["a.png", "b.png", "b.png"])).tolist()
    [1, -1]
    """
    found = pc.fill_null(pc.index_in(names, value_set=known), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def check_names(names: Names, path: Path, header: int) -> None:
    """Prove that every name is a plain image name.

    Args:
        names: the column of image names of a table, without its header.
        path: the table.
        header: lines above the first name.

    Raises:
        UserError: a name is empty, has no image suffix, or holds a separator, a drive, ``..``, a space or a control
            character; the message has its line.
    """
    plain = pc.fill_null(pc.match_substring_regex(names, PLAIN), False)
    if pc.all(plain, min_count=0).as_py():
        return
    row = pc.index(plain, False).as_py()
    raise UserError(
        f"{path} line {line_of(path, row + header)}: {str(names[row].as_py() or '')[:80]!r} is not a plain image name "
        "(no folder, drive, '..' or space, and a suffix such as .png); mend or remove the line."
    )


def line_of(path: Path, row: int) -> int:
    """Return the number, from 1, of the ``row``-th line that is not blank; ``row`` starts at 0."""
    with path.open("rb") as file:
        numbers = [number for number, line in enumerate(file, start=1) if line.strip()]
    return numbers[row] if row < len(numbers) else row + 1
