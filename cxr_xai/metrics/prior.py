"""The class box prior: a map that never looks at the image, only at where other patients had the finding."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from cxr_xai.errors import UserError
from cxr_xai.metrics.region import rasterize_boxes

_CHUNK = 1024  # boxes rasterized at once


class ClassBoxPrior:
    """Occupancy of a finding's boxes over other patients' boxes.

    ``heatmap(f, p)[cell]`` = share of the boxes of finding ``f`` on patients other than ``p`` that cover the cell
    (cell center rule, as in `rasterize_boxes`).

    Args:
        boxes_unit: ``(M, 4)`` xyxy as shares of the image's width and height, in [0, 1].
        findings: the finding of each box.
        patients: the patient of each box.
        resolution: cells per side.
        min_patients: with fewer other patients who have a box of the finding, the prior is undefined.

    Raises:
        UserError: the three lists differ in length, or a box is not in shares of the image.
    """

    def __init__(
        self,
        boxes_unit: Tensor,
        findings: Sequence[str],
        patients: Sequence[str],
        resolution: int = 128,
        min_patients: int = 20,
    ) -> None:
        if not len(boxes_unit) == len(findings) == len(patients):
            raise UserError(
                f"found {len(boxes_unit)} boxes, {len(findings)} findings and {len(patients)} patients for the prior; "
                "give one of each per box"
            )
        if len(boxes_unit) and not bool(((boxes_unit > -0.01) & (boxes_unit < 1.01)).all()):
            raise UserError("boxes of the prior must lie in [0, 1]; divide pixels by the image's width and height")
        self.resolution = resolution
        self.min_patients = min_patients
        self._boxes = boxes_unit.float() * resolution
        self._rows: dict[str, dict[str, list[int]]] = {}
        for row, (finding, patient) in enumerate(zip(findings, patients, strict=True)):
            self._rows.setdefault(finding, {}).setdefault(patient, []).append(row)
        self._occupancy = {
            finding: self._count([row for rows in of.values() for row in rows]) for finding, of in self._rows.items()
        }
        self._total = {finding: sum(len(rows) for rows in of.values()) for finding, of in self._rows.items()}

    def _count(self, rows: list[int]) -> Tensor:
        """How many of these boxes cover each cell."""
        total = torch.zeros(self.resolution, self.resolution, device=self._boxes.device)
        for start in range(0, len(rows), _CHUNK):
            part = self._boxes[rows[start : start + _CHUNK]]
            total += rasterize_boxes(part, (self.resolution, self.resolution)).sum(0)
        return total

    def heatmap(self, finding: str, patient: str) -> Tensor:
        """Return the prior of a finding for one patient, from the boxes of all others.

        Args:
            finding: as in the list given; one without boxes has no prior.
            patient: left out; may be one without boxes.

        Returns:
            ``(resolution, resolution)`` float32 in [0, 1]; all NaN below ``min_patients`` other patients.
        """
        return self.heatmaps([(finding, patient)])[0]

    def heatmaps(self, keys: Sequence[tuple[str, str]]) -> Tensor:
        """Return the priors of ``M`` (finding, patient), ``(M, resolution, resolution)``; see `heatmap`."""
        device, shape = self._boxes.device, (self.resolution, self.resolution)
        maps = torch.full((len(keys), *shape), torch.nan, device=device)
        own_rows, owner, boxes_left = [], [], torch.ones(len(keys), device=device)
        for m, (finding, patient) in enumerate(keys):
            of = self._rows.get(finding, {})
            own = of.get(patient, [])
            if len(of) - bool(own) >= max(self.min_patients, 1):
                maps[m] = self._occupancy[finding]
                boxes_left[m] = self._total[finding] - len(own)
                own_rows += own
                owner += [m] * len(own)
        for start in range(0, len(owner), _CHUNK):
            part = slice(start, start + _CHUNK)
            covered = rasterize_boxes(self._boxes[own_rows[part]], shape).float()
            maps.index_add_(0, torch.tensor(owner[part], device=device), covered, alpha=-1)
        return maps / boxes_left[:, None, None]


def build_prior(boxes: pd.DataFrame) -> ClassBoxPrior:
    """Build the prior from all boxes of a source; it leaves a patient's own out when it is asked for a map.

    Args:
        boxes: ``patient_id, finding`` and ``x0 y0 x1 y1`` as shares of the film, one row per box.
    """
    corners = torch.from_numpy(boxes[["x0", "y0", "x1", "y1"]].to_numpy("float32").copy())
    return ClassBoxPrior(corners, boxes["finding"].tolist(), boxes["patient_id"].tolist())


def pool_to_grid(prior: Tensor, grid: tuple[int, int]) -> Tensor:
    """Average the prior over the cells of an explainer's grid, so that it is bound by the same ceiling as its maps.

    Args:
        prior: ``(…, R, R)``; an undefined (NaN) prior stays NaN.
        grid: ``(h, w)``; bins that do not divide ``R`` overlap by less than a cell.

    Returns:
        ``(…, h, w)``, to be divided by its maximum and resized like any map of that grid.

    >>> pool_to_grid(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), (1, 2)).tolist()
    [[0.0, 0.5]]
    """
    lead = prior.shape[:-2]
    return adaptive_avg_pool2d(prior.reshape(-1, 1, *prior.shape[-2:]), grid).reshape(*lead, *grid)
