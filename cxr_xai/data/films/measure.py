"""What one pass over a film's file tells: its pixels at the configured size, and the facts an audit needs."""

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from cxr_xai.data.films.bad import BadFilm
from cxr_xai.data.films.decode import Pixels, decode_film, shrink
from cxr_xai.errors import UserError

SMALLEST = 32
"""A film with a shorter side shows no finding; thumbnails are found in copies by mistake."""

BLANK = 2.0
"""Standard deviation of the gray levels below which nothing is on a film; those of the release lie above 20."""


@dataclass(frozen=True)
class FilmFacts:
    """One film file, measured.

    Attributes:
        file: its name.
        bytes: its length.
        sha256: of its contents; equal in exact copies.
        pixels: SHA-256 of the resized gray pixels; equal in copies that were only stored otherwise. Empty if unread.
        width: stored pixels; 0 if unread.
        height: likewise.
        mode: how gray levels are stored (``L``, ``RGBA``, ``P``, ``I;16``, ``DICOM`` …).
        spacing: millimeters between rows; NaN where the file does not say.
        deviation: standard deviation of the resized gray levels.
        problem: why the film cannot be used, or empty.
    """

    file: str
    bytes: int
    sha256: str
    pixels: str = ""
    width: int = 0
    height: int = 0
    mode: str = ""
    spacing: float = math.nan
    deviation: float = math.nan
    problem: str = ""

    def as_row(self) -> dict[str, str | int | float]:
        """Return the columns of a table of films."""
        return asdict(self)


def measure_film(path: str | Path, size: int) -> tuple[Pixels | None, FilmFacts]:
    """Read a file once: decode, resize and measure it.

    Returns:
        ``(size, size)`` uint8, or None where the film is unfit, and what was found.

    Raises:
        UserError: the file cannot be opened or read at all. A disk that fails is not a film that is unfit: nothing is
            concluded from it.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); mend disk or permissions and go on.") from error
    facts = FilmFacts(path.name, len(raw), hashlib.sha256(raw).hexdigest())
    try:
        film = decode_film(raw)
    except BadFilm as error:
        return None, FilmFacts(facts.file, facts.bytes, facts.sha256, problem=str(error))
    height, width = film.pixels.shape
    pixels = shrink(film.pixels, size)
    deviation = float(cv2.meanStdDev(pixels)[1].item())
    problem = "too small" if min(height, width) < SMALLEST else "blank" if deviation < BLANK else ""
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    facts = FilmFacts(
        facts.file, facts.bytes, facts.sha256, digest, width, height, film.mode, film.spacing[0], deviation, problem
    )
    return None if problem else pixels, facts


def read_film(path: str | Path, size: int) -> Pixels:
    """Read a film as ``(size, size)`` uint8 gray.

    Raises:
        UserError: the film is unfit; the message names file and reason.
    """
    pixels, facts = measure_film(path, size)
    if pixels is None:
        raise UserError(f"{path} is unfit ({facts.problem}); replace the file, or remove it to go on without it.")
    return pixels
