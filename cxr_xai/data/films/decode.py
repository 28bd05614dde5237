"""One film from the bytes of a file: recognize, check, decode, make gray, resize."""

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from cxr_xai.data.films.bad import BadFilm
from cxr_xai.data.films.dicom import decode_dicom, is_dicom

Pixels = npt.NDArray[np.uint8]

# What is wrong with a file is said in the quarantine list; a warning would tear progress bars apart.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

MOST_PIXELS = 64_000_000
"""Largest film that is decoded, 8000 × 8000: twice the largest detectors. A file of 400 KB can claim a hundred times
more."""

RULE = "gray 8 bit, area by halves"
"""How pixels become a store, part of its name: upper byte of 16 bits; pixel-area averaging, which does not alias fine
lines when films shrink."""


@dataclass(frozen=True)
class Film:
    """A decoded film.

    Attributes:
        pixels: ``(H, W)`` uint8, bright where the body absorbs.
        mode: how the file stored it, in Pillow's words (``L``, ``RGBA``, ``P``, ``I;16``) or ``DICOM``.
        spacing: millimeters between rows and between columns; NaN where the file does not say.
    """

    pixels: Pixels
    mode: str
    spacing: tuple[float, float] = (float("nan"), float("nan"))


def decode_film(raw: bytes) -> Film:
    """Decode the contents of a PNG, JPEG, other common image or DICOM file.

    1–2 % of the release are RGBA files with gray channels: converted, never dropped; transparency is ignored.

    Raises:
        BadFilm: with the reason: empty, not an image, too many pixels, truncated or corrupt.
    """
    if not raw:
        raise BadFilm("empty file")
    if is_dicom(raw):
        return Film(*decode_dicom(raw, MOST_PIXELS))
    try:
        with Image.open(io.BytesIO(raw)) as header:
            (width, height), mode, kind = header.size, header.mode, header.format
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadFilm("too many pixels") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadFilm("not an image") from error
    if width * height > MOST_PIXELS:
        raise BadFilm("too many pixels")
    # OpenCV fills the rest of a JPEG that was cut off with gray; its end marker tells.
    if kind == "JPEG" and b"\xff\xd9" not in raw[-64:]:
        raise BadFilm("truncated or corrupt")
    try:
        decoded = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise BadFilm("truncated or corrupt")
    return Film(to_gray(decoded), mode)


def to_gray(decoded: npt.NDArray[Any]) -> Pixels:
    """Turn what OpenCV decodes, ``(H, W)`` or ``(H, W, 3 or 4)``, into ``(H, W)`` uint8.

    Raises:
        BadFilm: the values are neither 8 nor 16 bit.
    """
    if decoded.dtype == np.uint16:
        decoded = (decoded >> 8).astype(np.uint8)
    if decoded.dtype != np.uint8:
        raise BadFilm("neither 8 nor 16 bit")
    if decoded.ndim == 3:
        decoded = cv2.cvtColor(decoded, cv2.COLOR_BGRA2GRAY if decoded.shape[2] == 4 else cv2.COLOR_BGR2GRAY)
    return np.asarray(decoded, np.uint8)


def shrink(pixels: Pixels, size: int) -> Pixels:
    """Return ``(size, size)`` uint8; a film that is not square fills the square, as boxes in fractions do.

    A film at least four times as large is first halved: averaging twice costs a third of averaging once by 4.57, and
    differs from it by 0.2 gray levels on average.

    >>> shrink(np.array([[0, 2], [4, 6]], np.uint8), 1).tolist()
    [[3]]
    """
    while min(pixels.shape) >= 4 * size and not (pixels.shape[0] | pixels.shape[1]) & 1:
        half = pixels.shape[1] // 2, pixels.shape[0] // 2
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    if pixels.shape == (size, size):
        return pixels
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
