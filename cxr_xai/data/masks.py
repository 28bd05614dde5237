"""Pixels that radiologists marked, as COCO run lengths: made masks of any size, packed, and the boxes around them.

These are evidence of a finding, which judges maps. The label images of ``guidance.masks`` are another thing: regions of
the body, which say where a finding may be (`data.anatomy.folder`).

Source: Lin et al., Microsoft COCO (https://arxiv.org/abs/1405.0312), run lengths as pycocotools writes them.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxr_xai.errors import UserError

Key = tuple[str, str]
"""An image and a finding."""

Mask = npt.NDArray[np.uint8]


def decode_mask(rle: Mapping[str, Any], what: str) -> Mask:
    """Return ``(H, W)`` of 0 and 1.

    Args:
        rle: ``size`` (height, width) and ``counts``, compressed (text) or plain (a list).
        what: it is of, for the error.

    Raises:
        UserError: it is no run lengths, or they do not fill the film.
    """
    try:
        height, width = (int(side) for side in rle["size"])
        counts = rle["counts"]
        runs = [int(run) for run in counts] if isinstance(counts, list) else read_runs(counts)
        if min(height, width, *runs, 1) < 0 or height * width == 0 or sum(runs) != height * width:
            raise ValueError("its runs do not fill the film")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"The mask of {what} is malformed ({error}); use the published file.") from error
    marked = np.arange(len(runs)) % 2  # by columns, beginning with what is not marked
    return np.ascontiguousarray(np.repeat(marked.astype(np.uint8), runs).reshape(width, height).T)


def read_runs(counts: str) -> list[int]:
    """Return the run lengths in compressed COCO text.

    Five bits a character, the sixth says that more follow; from the third run on, each is told as the difference to
    the run before the last.

    >>> read_runs("12")
    [1, 2]

    Raises:
        ValueError: it ends within a number, or a run is negative.
    """
    runs: list[int] = []
    place = 0
    while place < len(counts):
        value = shift = 0
        more = True
        while more:
            if place >= len(counts):
                raise ValueError("its text is cut off")
            character = ord(counts[place]) - 48
            if not 0 <= character < 64:
                raise ValueError(f"it holds the character {counts[place]!r}")
            value |= (character & 0x1F) << shift
            more, shift, place = bool(character & 0x20), shift + 5, place + 1
            if not more and character & 0x10:
                value -= 1 << shift
        value += runs[-2] if len(runs) > 2 else 0
        if value < 0:
            raise ValueError("a run is negative")
        runs.append(value)
    return runs


def shrink_mask(mask: Mask, size: int) -> npt.NDArray[np.bool_]:
    """Return ``(size, size)``: the pixels of which at least half is marked.

    A mark so fine that it would vanish keeps the pixels of which most is marked; an empty mask stays empty.

    >>> shrink_mask(np.array([[1, 1, 0, 0], [1, 0, 0, 0]], np.uint8).repeat(2, 0), 2).tolist()
    [[True, False], [True, False]]
    """
    share = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    found: npt.NDArray[np.bool_] = (share >= 0.5 - 1e-6) if (share >= 0.5 - 1e-6).any() else (share == share.max())
    return found if mask.any() else np.zeros((size, size), bool)


def find_boxes(mask: Mask) -> npt.NDArray[np.float64]:
    """Return ``(B, 4)`` xyxy in fractions of the film: a tight box around each 8-connected part."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, w, h = (stats[1:count, column].astype(np.float64) for column in range(4))
    height, width = mask.shape
    return np.stack([x / width, y / height, (x + w) / width, (y + h) / height], axis=1)


@dataclass(frozen=True)
class PackedMasks:
    """Masks of one size, eight pixels a byte; a slice gives ``(m, H, W)`` bool.

    Attributes:
        bits: ``(M, ⌈size² / 8⌉)``.
        size: side in pixels.
    """

    bits: npt.NDArray[np.uint8]
    size: int

    def __getitem__(self, part: slice) -> Tensor:
        """Unpack these masks."""
        pixels = self.size**2
        flat = np.unpackbits(self.bits[part], axis=1, count=pixels)
        return torch.from_numpy(flat.astype(bool).reshape(-1, self.size, self.size))

    def take(self, rows: npt.NDArray[np.int64]) -> "PackedMasks":
        """Return some of them, still packed."""
        return PackedMasks(self.bits[rows], self.size)


class Masks:
    """The marked pixels of images, by finding; decoded when they are asked for.

    Args:
        runs: (image id, finding) → run lengths, none of them empty.
    """

    def __init__(self, runs: Mapping[Key, Mapping[str, Any]]) -> None:
        self.runs = runs

    def boxes(self) -> list[tuple[Key, npt.NDArray[np.float64]]]:
        """Return the boxes of each mask, `find_boxes`, none where it is empty, in the order of ``runs``.

        Raises:
            UserError: a mask is malformed.
        """
        keys = list(self.runs)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(zip(keys, pool.map(lambda key: find_boxes(self.read(key)), keys), strict=True))

    def read(self, key: Key) -> Mask:
        """Return the mask of one image and finding, as large as it was drawn."""
        return decode_mask(self.runs[key], f"{key[1]} on {key[0]}")

    def at(self, keys: Sequence[Key], size: int) -> PackedMasks:
        """Return the masks of these pairs at ``size × size``."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(partial(self._pack, size=size), keys))
        return PackedMasks(np.stack(rows) if rows else np.zeros((0, -(-(size**2) // 8)), np.uint8), size)

    def _pack(self, key: Key, size: int) -> npt.NDArray[np.uint8]:
        return np.packbits(shrink_mask(self.read(key), size))
