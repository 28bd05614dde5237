"""From a file or a folder to films of the network's size; what cannot be read is named and left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.measure import measure_film
from cxr_xai.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".tif", ".tiff", ".bmp", ".webp")
"""What is taken for a film in a folder; a file that is named itself is always tried."""


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


def find_films(images: str | Path) -> list[tuple[str, Path]]:
    """Return (image id, path) of a file, or of all films below a folder, by name; hidden files are left out.

    Raises:
        UserError: there is no such place, or no film in it.
    """
    place = Path(images)
    if place.is_file():
        return [(place.name, place)]
    if not place.is_dir():
        raise UserError(f"images={place}: no such file or folder.")
    below = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    named = [(path.relative_to(place).as_posix(), path) for path in below]
    found = [(name, path) for name, path in named if not any(part.startswith(".") for part in name.split("/"))]
    if not found:
        raise UserError(f"images={place} holds no film ({', '.join(SUFFIXES)}).")
    return found


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
