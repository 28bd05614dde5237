"""Small pictures and perceptual hashes of all films: what films are compared by."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.decode import Pixels
from cxr_xai.data.films.files import Films, Progress

SIDE = 32
BITS = 255
CHUNK = 256


@dataclass(frozen=True)
class Thumbnails:
    """All films, made small.

    Attributes:
        pixels: ``(N, SIDE²)`` uint8.
        hashes: ``(N, BITS)`` bool.
    """

    pixels: Pixels
    hashes: npt.NDArray[np.bool_]

    def standardize(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return ``(len(rows), SIDE²)`` of mean 0 and length 1: products are correlations, and 0 for a blank film."""
        centered = self.pixels[rows].astype(np.float32)
        centered -= centered.mean(axis=1, keepdims=True)
        length = np.linalg.norm(centered, axis=1, keepdims=True)
        np.divide(centered, length, out=centered, where=length > 0)
        return centered


def make_thumbnail(film: Pixels) -> Pixels:
    """Return ``(SIDE, SIDE)`` uint8, averaged over pixel areas."""
    return np.asarray(cv2.resize(film, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def hash_film(film: Pixels) -> npt.NDArray[np.bool_]:
    """Return the ``(BITS,)`` perceptual hash: which low frequencies are above their median, the mean left out.

    Source: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, with 16 × 16 frequencies
    in place of 8 × 8, since films resemble each other more than holiday pictures do.

    >>> film = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    >>> int((hash_film(film) != hash_film(film // 2 + 50)).sum())  # flatter and brighter, but the same film
    2
    """
    small = cv2.resize(film, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    frequencies = np.asarray(cv2.dct(small))[:16, :16].ravel()[1:]
    bits: npt.NDArray[np.bool_] = frequencies > np.median(frequencies)
    return bits


def make_thumbnails(films: Films, fit: npt.NDArray[np.bool_], progress: Progress | None = None) -> Thumbnails:
    """Read every film that is fit once, in chunks; the others stay black.

    Args:
        films: ``films[numbers]``.
        fit: ``(N,)`` true for films that can be read.
        progress: told how many films are done.
    """
    pixels, hashes = np.zeros((len(fit), SIDE**2), np.uint8), np.zeros((len(fit), BITS), bool)
    rows = np.flatnonzero(fit)

    def read(start: int) -> int:
        chosen = rows[start : start + CHUNK]
        chunk = films[chosen]
        pixels[chosen] = [make_thumbnail(film).ravel() for film in chunk]
        hashes[chosen] = [hash_film(film) for film in chunk]
        return start + len(chosen)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(read, range(0, len(rows), CHUNK)):
            if progress is not None:
                progress(done, len(rows))
    return Thumbnails(pixels, hashes)


def near_pairs(
    hashes: npt.NDArray[np.bool_], most: int, block: int = 4096
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield ``(first, second, bits)`` of all pairs that differ in at most ``most`` bits, ``first < second``.

    All pairs are compared, by products of ±1: exact, and 112,120 films take about two minutes on two cores.
    """
    signs = np.where(hashes, np.float32(1), np.float32(-1))
    length = hashes.shape[1]
    for start in range(0, len(signs), block):
        for other in range(start, len(signs), block):
            products = signs[start : start + block] @ signs[other : other + block].T
            first, second = np.nonzero(products >= length - 2 * most)
            bits = ((length - products[first, second]) / 2).round().astype(np.int64)
            first, second = first + start, second + other
            yield first[first < second], second[first < second], bits[first < second]
