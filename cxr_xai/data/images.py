"""One film from a file: decode, make gray, resize."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError

RESIZE_RULE = "area"
"""Named in the cache's key: pixel-area averaging, which does not alias fine lines when films shrink."""


def read_image(path: str | Path, size: int) -> npt.NDArray[np.uint8]:
    """Read a film as ``(size, size)`` uint8 gray.

    1–2 % of the release are RGBA files with gray channels: converted, never dropped. 16-bit files keep their
    upper byte.

    Raises:
        UserError: the file cannot be decoded.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise UserError(f"{path} cannot be decoded as an image; replace the file, or remove it to go on without it.")
    if pixels.dtype == np.uint16:
        pixels = (pixels // 256).astype(np.uint8)
    if pixels.ndim == 3:
        code = cv2.COLOR_BGRA2GRAY if pixels.shape[2] == 4 else cv2.COLOR_BGR2GRAY
        pixels = cv2.cvtColor(pixels, code)
    if pixels.shape != (size, size):
        pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(pixels, np.uint8)
