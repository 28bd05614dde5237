"""Read back what a phantom folder knows beyond the published layout: its spec and its masks."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.phantom.masks import MASK_FOLDER, unpack_masks
from cxr_xai.data.phantom.spec import PhantomSpec
from cxr_xai.errors import UserError

Mask = npt.NDArray[np.bool_]

SPEC_FILE = "phantom.json"
VERSION = 2
"""Of the generator: raise it whenever the same spec gives other bytes."""


def read_spec(root: Path) -> PhantomSpec:
    """Return the spec that a phantom folder was written from.

    Raises:
        UserError: the folder has no readable ``phantom.json``.
    """
    try:
        return PhantomSpec(**_read_record(root)["spec"])
    except TypeError as error:
        raise UserError(f"{Path(root) / SPEC_FILE} does not describe a phantom ({error}): write it again") from None


def read_mask(root: Path, image_id: str) -> dict[str, Mask]:
    """Return the masks of the findings of one image.

    Args:
        root: a phantom folder.
        image_id: the ``Image Index``, with or without ``.png``.

    Returns:
        ``(H, W)`` bool for each finding of the image; empty for an image without findings.

    Raises:
        UserError: the folder has no such image.
    """
    name = f"{image_id.removesuffix('.png')}.png"
    path = Path(root) / MASK_FOLDER / name
    if path.is_file():
        bits = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if bits is None or bits.dtype != np.uint16:
            raise UserError(f"{path} is not a 16-bit image: delete the phantom folder and write it again")
        return unpack_masks(np.asarray(bits))
    if not any(Path(root).glob(f"images_*/images/{name}")):
        raise UserError(f"{root} has no image {name}: name one of its Data_Entry_2017_v2020.csv")
    return {}


def differences(root: Path, spec: PhantomSpec) -> str:
    """Say how the folder's phantom differs from `spec`; empty if it is the same."""
    try:
        record = _read_record(root)
    except UserError as error:
        return str(error)
    if record.get("version") != VERSION:
        return f"generator version {record.get('version')}, wanted {VERSION}"
    found, wanted = record.get("spec") or {}, asdict(spec)
    changed = [
        f"{name} {found.get(name)!r}, wanted {value!r}" for name, value in wanted.items() if found.get(name) != value
    ]
    return "; ".join(changed)


def _read_record(root: Path) -> dict[str, Any]:
    path = Path(root) / SPEC_FILE
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        raise UserError(f"{root} has no readable {SPEC_FILE}") from None
    if not isinstance(record, dict) or not isinstance(record.get("spec"), dict):
        raise UserError(f"{path} does not describe a phantom")
    return record
