"""The threshold that was best on other patients' boxes: boxes used for tuning, and to be recorded as such."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Tried; the maximum of a map is 1."""
FIXED = 0.5
FOLDS = 5
MIN_PATIENTS = 20
"""A finding with fewer other patients who have a box takes the level that is best over all findings."""


def fold_of(patient: str, folds: int = FOLDS) -> int:
    """Return a patient's fold, by hash: the same whatever other patients there are."""
    return int(hashlib.sha256(f"cross-fitted {patient}".encode()).hexdigest(), 16) % folds


def cross_fit(
    iou: Tensor,
    findings: Sequence[str],
    patients: Sequence[str],
    levels: Sequence[float] = LEVELS,
    folds: int = FOLDS,
    min_patients: int = MIN_PATIENTS,
) -> Tensor:
    """Choose a threshold for each box from the boxes of patients in other folds, by finding.

    The level with the highest mean IoU over the finding's boxes there; of equal ones the nearest to one half, then the
    lower. The judged box, and every box of its patient, has no say.

    Args:
        iou: ``(M, L)`` at each level; NaN for a dead map, which says nothing.
        findings: of each box.
        patients: of each box.
        levels: ``L`` thresholds.
        folds: of the patients.
        min_patients: below it a finding looks at all findings' boxes in the other folds.

    Returns:
        ``(M,)`` int64, the position of each box's level; that of one half (the nearest to it) where no other patient
        has a live map.
    """
    fold = torch.tensor([fold_of(patient, folds) for patient in patients], dtype=torch.int64)
    names_of = sorted(set(findings))
    finding = torch.tensor([names_of.index(name) for name in findings], dtype=torch.int64)
    iou = iou.double().cpu()
    live = ~iou.isnan().any(1)
    # columns from the most to the least wanted among equals: argmax takes the first
    order = sorted(range(len(levels)), key=lambda n: (abs(levels[n] - FIXED), levels[n]))
    chosen = torch.full((len(iou),), order[0], dtype=torch.int64)
    for held in sorted(set(fold.tolist())):
        others = live & (fold != held)
        for name in sorted(set(finding[fold == held].tolist())):
            mine = others & (finding == name)
            names = {patients[row] for row in torch.nonzero(mine).ravel().tolist()}
            learned = mine if len(names) >= min_patients else others
            if learned.any():
                means = iou[learned].mean(0)[order]
                best = int((means >= means.max() - 1e-12).byte().argmax())
                chosen[(fold == held) & (finding == name)] = order[best]
    return chosen
