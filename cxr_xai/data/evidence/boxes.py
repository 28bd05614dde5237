"""Radiologists' boxes on the grid of a feature map."""

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxr_xai.data.boxes import CORNERS
from cxr_xai.data.evidence.grid import Evidence, Matrices, cover_cells, keep_seen, sample_cells
from cxr_xai.data.index import Index
from cxr_xai.data.splits.by_hash import is_drawn
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch


def annotated(patient_id: str, fraction: float) -> bool:
    """Return whether a patient's boxes are used when only a fraction of the patients has any.

    A property of the patient, the same in every run, split and seed; those of a smaller fraction are among those of a
    larger one.

    >>> [patient for patient in "123456789" if annotated(patient, 0.3)], annotated("1", 0.0), annotated("1", 1.0)
    (['1', '5'], False, True)
    """
    return is_drawn("annotated", patient_id, fraction)


def cover_boxes(boxes: Tensor, matrices: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return how much of every cell lies in the union of a finding's boxes, wherever its film was moved.

    Args:
        boxes: ``(M, B, 4)`` xyxy on the film as stored, -1 (left or top edge) to 1; NaN pads.
        matrices: ``(M, 2, 3)``.
        grid: ``(h, w)``.

    Returns:
        ``(M, h, w)`` in [0, 1]; 0 outside the film.
    """
    points = sample_cells(matrices, grid)
    inside = torch.zeros(points.shape[:-1], dtype=torch.bool, device=points.device)
    for box in boxes.unbind(1):  # one at a time: few films have more than one
        low, high = box[:, None, None, :2], box[:, None, None, 2:]
        inside |= ((points >= low) & (points < high)).all(-1)
    return cover_cells(inside)


class BoxEvidence:
    """Positives with boxes; all other pairs are unknown, unboxed positives among them.

    Args:
        index: has boxes and labels.
        rows: of the studies whose boxes are used.
        matrices: of the transform.
    """

    def __init__(self, index: Index, rows: npt.NDArray[np.int64], matrices: Matrices) -> None:
        names = index.studies["image_id"].to_numpy()
        row_of = dict(zip(names[rows].tolist(), rows.tolist(), strict=True))
        number, targets = {name: k for k, name in enumerate(FINDINGS)}, index.targets
        self.matrices = matrices
        self.pairs: dict[int, dict[int, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
        used = index.boxes[index.boxes["image_id"].isin(row_of)]
        for image, finding, corners in zip(
            used["image_id"], used["finding"], (used[CORNERS].to_numpy(np.float32) * 2 - 1).tolist(), strict=True
        ):
            row, k = row_of[image], number[finding]
            if targets[row, k] == 1:
                self.pairs[row][k].append(corners)

    def __len__(self) -> int:
        """Return the number of (study, finding) pairs with boxes."""
        return sum(len(findings) for findings in self.pairs.values())

    def __call__(self, batch: Batch, grid: tuple[int, int], epoch: int) -> Evidence:
        """Return the boxed positives of a batch. Synthetic studies have rows past the table's, hence none."""
        found = [
            (n, k, boxes)
            for n, row in enumerate(batch.index.tolist())
            if row in self.pairs
            for k, boxes in self.pairs[row].items()
        ]
        device, most = batch.image.device, max((len(boxes) for *_, boxes in found), default=0)
        padded = torch.full((len(found), most, 4), torch.nan)
        for number, (*_, boxes) in enumerate(found):
            padded[number, : len(boxes)] = torch.tensor(boxes)
        row = torch.tensor([n for n, *_ in found], dtype=torch.int64, device=device)
        finding = torch.tensor([k for _, k, _ in found], dtype=torch.int64, device=device)
        moved = self.matrices(batch.index.to(device)[row], epoch)
        return keep_seen(row, finding, cover_boxes(padded.to(device), moved, grid))
