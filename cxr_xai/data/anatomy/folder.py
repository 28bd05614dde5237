"""Regions from masks that came with the data, or that a segmentation made elsewhere."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from cxr_xai.data.anatomy.regions import REGIONS, Mask, Regions
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file


class FolderAnatomy:
    """A folder with one label image a film: ``<root>/<image id without suffix>.png``.

    Each is an 8-bit gray image of any size with the film's proportions, whose gray level is the region: 0 outside, 1 to
    3 right upper, middle and lower lung, 4 to 6 left, 7 heart, 8 mediastinum, 9 below the diaphragm (``REGIONS``).

    Args:
        root: the folder.

    Raises:
        UserError: there is no such folder.
    """

    name = "folder"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise UserError(
                f"masks={self.root} is no folder; give one with a label image <image id>.png for each film."
            )

    def _path(self, image_id: str) -> Path:
        return self.root / f"{Path(image_id).stem}.png"

    def known(self, image: Tensor, image_ids: Sequence[str]) -> Mask:
        """``(N,)`` true where the film's label image is there."""
        return np.array([self._path(name).is_file() for name in image_ids], bool)

    def regions(self, image: Tensor, image_ids: Sequence[str]) -> Regions:
        """``(N, 1, H, W)`` films and their names → ``(N, H, W)`` label maps, resized to the nearest pixel center.

        Raises:
            UserError: a label image is missing, is not 8-bit gray, or has a level that is no region.
        """
        height, width = image.shape[-2:]
        return np.stack([self._read(name, width, height) for name in image_ids])

    def fingerprint(self, image_id: str) -> str:
        """Return the SHA-256 of the film's label image, or ``missing``."""
        path = self._path(image_id)
        return hash_file(path) if path.is_file() else "missing"

    def _read(self, image_id: str, width: int, height: int) -> Regions:
        path = self._path(image_id)
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
            what = "is not an 8-bit gray image" if path.is_file() else "is missing"
            raise UserError(f"{path} {what}; a label image has the region's number as its gray level, 0 outside.")
        if (highest := int(labels.max())) >= len(REGIONS):
            raise UserError(f"{path} has gray level {highest}; regions are 0 (outside) to {len(REGIONS) - 1}.")
        return cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.int64)
