"""The selection fold: boxed patients of val, set aside to choose an epoch by where its maps lie."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cxr_xai.data.index import Index
from cxr_xai.data.splits.by_hash import is_drawn
from cxr_xai.data.splits.split import SELECTION
from cxr_xai.errors import UserError


def selects(patient_id: str, share: float) -> bool:
    """Whether a boxed val patient is set aside: a property of patient and share; larger shares hold smaller ones.

    >>> [[patient for patient in "12345" if selects(patient, share)] for share in (0.5, 0.2)]
    [['1', '2', '3', '4'], ['3']]
    """
    return is_drawn(SELECTION, patient_id, share)


def set_aside(part: npt.NDArray[np.str_], index: Index, share: float) -> npt.NDArray[np.str_]:
    """Move ``share`` of val's boxed patients with all their studies to the part ``selection``.

    Whether a film is at hand does not matter, so a partial copy has the same parts as a full one.

    Args:
        part: ``(rows,)`` part of every study.
        index: studies and boxes.
        share: of the boxed patients of val, by hash; 0 changes nothing.

    Raises:
        UserError: nobody is set aside.
    """
    if not share:
        return part
    patients = index.studies["patient_id"]
    boxed = set(patients[(part == "val") & index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy()])
    chosen = {patient for patient in boxed if selects(patient, share)}
    if not chosen:
        raise UserError(
            f"split.selection={share} sets nobody aside: val has {len(boxed)} patients with a box. "
            "Use a larger share, or a split that puts boxes into val: split=patient, or split=kfold split.pool=all."
        )
    return np.where(patients.isin(chosen), SELECTION, part)


def require_share(share: float) -> float:
    """Return the share.

    Raises:
        UserError: it is not one.
    """
    if not 0 <= share <= 1:
        raise UserError(f"split.selection is {share}; it is a share of val's boxed patients, 0 to 1.")
    return share


def describe(share: float) -> Mapping[str, float]:
    """Return what the split records: the share, and nothing where there is no selection fold."""
    return {"selection": share} if share else {}
