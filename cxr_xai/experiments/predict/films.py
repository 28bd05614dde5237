"""The films of a folder: listed once, read many at a time, and what is odd about each."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.audit.polarity import find_inverted
from cxr_xai.data.audit.thumbnails import SIDE, Thumbnails, make_thumbnail
from cxr_xai.data.films.decode import Pixels
from cxr_xai.data.films.dicom import describe_view
from cxr_xai.data.films.measure import FilmFacts, measure_film
from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.films import find_films

FAR_FROM_SQUARE = 1.5
"""Longer side over shorter; the usual formats of chest films lie between 1 and 1.23 (35 × 43 cm)."""

GRAY = ("L", "LA", "1", "I;16", "I", "DICOM", "")


@dataclass(frozen=True)
class Entry:
    """A file of the folder.

    Attributes:
        file: its path below the folder.
        path: of the file.
        bytes: its length.
        changed: when it was last changed, in nanoseconds.
    """

    file: str
    path: Path
    bytes: int
    changed: int

    @property
    def identity(self) -> tuple[str, int, int]:
        """What must be the same for its prediction to hold."""
        return self.file, self.bytes, self.changed


def list_entries(folder: str, output: Path) -> list[Entry]:
    """Return all files that are taken for films, by name.

    Raises:
        UserError: there is no such place or no film, or what is written would lie among them.
    """
    place = Path(folder)
    if place.is_dir() and output.resolve().is_relative_to(place.resolve()):
        raise UserError(f"output={output} lies in folder={place}, whose films are read; name another place by output=…")
    entries = []
    for file, path in find_films(folder, "folder"):
        about = path.stat()
        entries.append(Entry(file, path, about.st_size, about.st_mtime_ns))
    return entries


@dataclass(frozen=True)
class Read:
    """A file that was read.

    Attributes:
        entry: which.
        pixels: ``(size, size)`` uint8, or None where it cannot be used.
        facts: measured.
        view: what its header says against a frontal chest film, or empty.
    """

    entry: Entry
    pixels: Pixels | None
    facts: FilmFacts
    view: str

    def row(self) -> dict[str, object]:
        """Return its row in a part: identity, facts, and a thumbnail by which films are compared in the end."""
        small = np.zeros((SIDE, SIDE), np.uint8)
        if self.pixels is not None:
            small = make_thumbnail(self.pixels)
        named = {"file": self.entry.file, "bytes": self.entry.bytes, "changed": self.entry.changed}
        return {**self.facts.as_row(), **named, "view": self.view, "thumbnail": small.tobytes()}


def read_entries(entries: Sequence[Entry], size: int, pool: Executor) -> list[Read]:
    """Read files in threads, in their order; memory holds these films in the network's size."""
    return list(pool.map(lambda entry: read_entry(entry, size), entries))


def read_entry(entry: Entry, size: int) -> Read:
    """Read one file; one that cannot be opened is left out as one that is damaged."""
    try:
        pixels, facts = measure_film(entry.path, size)
    except UserError as error:
        return Read(entry, None, FilmFacts(entry.file, entry.bytes, "", problem=str(error).split(";")[0]), "")
    return Read(entry, pixels, facts, describe_view(entry.path) if facts.mode == "DICOM" else "")


def workers() -> int:
    """Return how many files are read at a time."""
    return min(os.cpu_count() or 1, 8)


def note_oddities(films: pd.DataFrame, size: int, met: Mapping[str, str]) -> pd.DataFrame:
    """Add ``notes`` and ``copy_of`` to the rows of all films.

    Args:
        films: rows of `Read.row`.
        size: side of the network's films in pixels.
        met: file name → part of the films that the network has met.
    """
    fit = (films["problem"] == "").to_numpy()
    inverted = find_inverted(stack_thumbnails(films), fit)
    names = films["file"].str.rpartition("/")[2]
    notes = [
        "; ".join(list_oddities(row, size, bool(turned), met.get(name, ""))) if row["problem"] == "" else ""
        for row, turned, name in zip(films.to_dict("records"), inverted, names, strict=True)
    ]
    first = films.groupby("pixels")["file"].transform("first")
    copies = first.where((first != films["file"]) & (films["pixels"] != ""), "")
    return films.assign(notes=notes, copy_of=copies)


def stack_thumbnails(films: pd.DataFrame) -> Thumbnails:
    """Return the small pictures of all films."""
    pixels = np.frombuffer(b"".join(films["thumbnail"]), np.uint8).reshape(len(films), SIDE**2)
    return Thumbnails(pixels, np.zeros((len(films), 0), bool))


def list_oddities(row: Mapping[Any, Any], size: int, inverted: bool, part: str) -> list[str]:
    """Return what is odd about a film that is predicted all the same."""
    width, height = int(row["width"]), int(row["height"])
    odd = ["looks inverted"] if inverted else []
    odd += ["far from square"] if max(width, height) >= FAR_FROM_SQUARE * min(width, height) else []
    odd += ["smaller than the network's films"] if min(width, height) < size else []
    odd += [f"stored as {row['mode']}"] if row["mode"] not in GRAY else []
    odd += [str(row["view"])] if row["view"] else []
    return odd + ([f"by its name in the run's {part}"] if part else [])


def to_image(films: Sequence[Pixels]) -> npt.NDArray[np.float32]:
    """Return ``(N, 1, H, W)`` float32 in [0, 1]."""
    return np.stack(films)[:, None].astype(np.float32) / np.float32(255)
