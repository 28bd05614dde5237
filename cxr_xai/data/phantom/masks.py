"""Findings' masks as one 16-bit image: bit ``k`` is finding ``k``."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cxr_xai.findings import FINDINGS

Mask = npt.NDArray[np.bool_]

MASK_FOLDER = "masks"


def pack_masks(masks: Mapping[str, Mask], size: int) -> npt.NDArray[np.uint16]:
    """Pack the findings' masks (others are left out) into ``(size, size)`` uint16.

    >>> pack_masks({"Cardiomegaly": np.array([[True, False], [False, False]])}, 2).tolist()
    [[2, 0], [0, 0]]
    """
    bits = np.zeros((size, size), np.uint16)
    for k, finding in enumerate(FINDINGS):
        if finding in masks:
            bits |= masks[finding].astype(np.uint16) << np.uint16(k)
    return bits


def unpack_masks(bits: npt.NDArray[np.uint16]) -> dict[str, Mask]:
    """Unpack what `pack_masks` packed; findings without a pixel are left out.

    >>> list(unpack_masks(np.array([[2]], np.uint16)))
    ['Cardiomegaly']
    """
    masks = {finding: (bits >> np.uint16(k)) & np.uint16(1) > 0 for k, finding in enumerate(FINDINGS)}
    return {finding: mask for finding, mask in masks.items() if mask.any()}
