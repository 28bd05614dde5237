"""From a file or a folder to films of the network's size; what cannot be read is named and left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.dicom import is_dicom
from cxr_xai.data.films.measure import measure_film
from cxr_xai.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".tif", ".tiff", ".bmp", ".webp")
"""What is taken for a film in a folder; DICOM files of any name, too; a file that is named itself is always tried."""


@dataclass(frozen=True)
class Film:
    """One film to explain.

    Attributes:
        image_id: its path below the folder, or its file name.
        path: of the file.
        pixels: ``(size, size)`` uint8, or None where it cannot be used.
        sha256: of the file.
        problem: why it cannot be used, or empty.
    """

    image_id: str
    path: Path
    pixels: npt.NDArray[np.uint8] | None
    sha256: str
    problem: str

    @property
    def stem(self) -> str:
        """File names of what belongs to it begin so."""
        return self.image_id.replace("/", "__")


def find_films(images: str | Path, key: str = "images") -> list[tuple[str, Path]]:
    """Return (image id, path) of a file, or of all films below a folder, by name; hidden files are left out.

    Args:
        images: the file or folder.
        key: of the settings that names it, for errors.

    Raises:
        UserError: there is no such place, or no film in it.
    """
    place = Path(images)
    if place.is_file():
        return [(place.name, place)]
    if not place.is_dir():
        raise UserError(f"{key}={place}: no such file or folder.")
    named = [(path.relative_to(place).as_posix(), path) for path in sorted(place.rglob("*"))]
    shown = [(name, path) for name, path in named if not any(part.startswith(".") for part in name.split("/"))]
    found = [(name, path) for name, path in shown if path.is_file() and looks_like_film(path)]
    if not found:
        raise UserError(f"{key}={place} holds no film ({', '.join(SUFFIXES)}, or DICOM by its content).")
    return found


def looks_like_film(path: Path) -> bool:
    """Tell by its suffix, or by the preamble of DICOM files, which archives often name without one."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False


def read_films(found: list[tuple[str, Path]], size: int) -> Iterator[Film]:
    """Decode films one after the other, as training does.

    Args:
        found: (image id, path).
        size: side in pixels.
    """
    for image_id, path in found:
        try:
            pixels, facts = measure_film(path, size)
        except UserError as error:  # a file without permission is no reason to leave the others
            yield Film(image_id, path, None, "", str(error))
            continue
        yield Film(image_id, path, pixels, facts.sha256, facts.problem)
