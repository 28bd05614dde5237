"""Boxes are test data: half of the boxed patients are watched every epoch, half stay sealed until the end."""

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.splits.split import LISTED, SELECTION, Split

HALVES = ("monitored", "sealed")


def box_half(patient_id: str) -> str:
    """Return ``monitored`` or ``sealed``: a property of the patient, the same in every run, split and seed.

    >>> [box_half(patient) for patient in ("1", "2", "3", "4")]
    ['monitored', 'monitored', 'sealed', 'sealed']
    """
    return HALVES[hashlib.sha256(f"box half of {patient_id}".encode()).digest()[0] & 1]


def half_rows(half: str, studies: pd.DataFrame, boxed: npt.NDArray[np.bool_], split: Split) -> npt.NDArray[np.int64]:
    """Return the rows of boxed studies in one half, or in the selection fold.

    Where the published test list is kept whole (test of ``official``, external of ``kfold of train_val``) both
    halves are of it, divided by ``box_half``: that is where the boxes are. Under other schemes the monitored half is
    the boxed val studies and the sealed half the boxed test studies. Patients of the selection fold are in neither.

    Args:
        half: ``monitored`` or ``sealed``; or ``selection``.
        studies: the study table.
        boxed: ``(rows,)`` true for studies that can be scored: image present, at least one box.
        split: the parts.

    Raises:
        ValueError: another half.
    """
    if half == SELECTION:
        return np.flatnonzero(boxed & (split.part == SELECTION))
    if half not in HALVES:
        raise ValueError(f"half={half!r}: the halves are {' and '.join(HALVES)}")
    if split.scheme in LISTED:
        in_half = studies["patient_id"].map(box_half).to_numpy() == half
        return np.flatnonzero(boxed & in_half & (split.part == LISTED[split.scheme]))
    return np.flatnonzero(boxed & (split.part == {"monitored": "val", "sealed": "test"}[half]))
