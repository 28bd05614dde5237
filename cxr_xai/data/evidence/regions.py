"""The part of the chest where a finding can be, on the grid of a feature map."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.data.anatomy.regions import HEART, LUNGS, MEDIASTINUM, Anatomy, Regions
from cxr_xai.data.evidence.grid import Evidence, Matrices, cover_cells, keep_seen, sample_cells
from cxr_xai.data.index import Index
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch

PLACES: tuple[tuple[int, ...], ...] = ((HEART,), (*LUNGS, HEART), (*LUNGS, HEART, MEDIASTINUM))
"""The heart; the lungs, which are seen through the heart, too; and what lies between them."""

PLACE_OF: Mapping[str, int | None] = dict.fromkeys(FINDINGS, 1) | {"Cardiomegaly": 0, "Mass": 2, "Hernia": None}
"""Which of `PLACES` may hold a finding; a hernia may be anywhere in the middle and guides nothing."""

PLEURA = 0.04
"""Share of the side by which places are widened: pleura, recesses and what hides the border that a mask follows; about
1.5 cm of a film."""

SIDE = 64
"""Places are kept this large, finer than any grid they are asked for on."""

SAMPLES = 8
"""Points per side of a cell: no finer than the places themselves on a grid of 7."""

ReadFilms = Callable[[npt.NDArray[np.int64]], Tensor]
"""``(n,)`` rows of the study table → ``(n, 1, H, W)`` films in [0, 1] as stored, on the CPU."""


def draw_places(labels: Regions) -> npt.NDArray[np.bool_]:
    """``(H, W)`` label map → ``(P, SIDE, SIDE)``: each of `PLACES`, widened by the pleura.

    >>> labels = np.zeros((64, 64), np.int64)
    >>> labels[30:34, 30:34] = HEART
    >>> draw_places(labels).sum(axis=(1, 2)).tolist()
    [84, 84, 84]
    """
    reach = max(1, round(PLEURA * max(labels.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = [cv2.dilate(np.isin(labels, place).astype(np.uint8), disc) for place in PLACES]
    small = [cv2.resize(one.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in wide]
    return np.stack(small) >= 0.5


class RegionEvidence:
    """Positives of films whose regions are known; label maps are asked for once, when a film is first guided.

    Args:
        index: has names and labels.
        anatomy: the source of regions.
        films: reads films, at which some sources look.
        matrices: of the transform.
    """

    def __init__(self, index: Index, anatomy: Anatomy, films: ReadFilms, matrices: Matrices) -> None:
        self.names, self.targets = index.studies["image_id"].to_numpy(str), index.targets
        self.anatomy, self.films, self.matrices = anatomy, films, matrices
        self._places: dict[int, npt.NDArray[np.uint8] | None] = {}

    def __call__(self, batch: Batch, grid: tuple[int, int], epoch: int) -> Evidence:
        """Return the positives of a batch that may be in some places only. Synthetic studies have none."""
        rows = batch.index.tolist()
        wanted = [(n, k, place) for n, row in enumerate(rows) for k, place in self._guided(row)]
        self._learn(sorted({rows[n] for n, _, _ in wanted} - self._places.keys()))
        found = [(n, k, packed[place]) for n, k, place in wanted if (packed := self._places[rows[n]]) is not None]
        device = batch.image.device
        row, finding = (torch.tensor([pair[i] for pair in found], dtype=torch.int64, device=device) for i in (0, 1))
        bits = np.stack([place for *_, place in found]) if found else np.zeros((0, SIDE * SIDE // 8), np.uint8)
        places = torch.from_numpy(np.unpackbits(bits, axis=1)).view(-1, 1, SIDE, SIDE).to(device).float()
        points = sample_cells(self.matrices(batch.index.to(device)[row], epoch), grid, SAMPLES)
        inside = F.grid_sample(places, points, "nearest", "zeros", align_corners=False)[:, 0]
        return keep_seen(row, finding, cover_cells(inside, SAMPLES))

    def _guided(self, row: int) -> list[tuple[int, int]]:
        """Return (finding, place) of the positives of a study of the table."""
        if row >= len(self.names):
            return []
        positive = np.flatnonzero(self.targets[row] == 1).tolist()
        return [(k, place) for k in positive if (place := PLACE_OF[FINDINGS[k]]) is not None]

    def _learn(self, rows: list[int]) -> None:
        """Ask for the regions of these studies, and keep them as bits: 1.5 KB a film."""
        if not rows:
            return
        names, films = self.names[rows].tolist(), self.films(np.array(rows, np.int64))
        known = self.anatomy.known(films, names)
        self._places.update(dict.fromkeys(rows))
        if known.any():
            labels = self.anatomy.regions(films[torch.from_numpy(known)], self.names[rows][known].tolist())
            for row, one in zip(np.array(rows)[known].tolist(), labels, strict=True):
                self._places[row] = np.packbits(draw_places(one).reshape(len(PLACES), -1), axis=1)
