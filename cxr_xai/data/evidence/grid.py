"""Masks on the coarse grid of a feature map: how much of every cell lies inside something that moved with its film."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cxr_xai.data.transforms.geometry import invert
from cxr_xai.types import Batch

SAMPLES = 16
"""Points per side of a cell; a fraction is right to within 1 / SAMPLES for each edge that crosses the cell."""

LEAST = 1e-3
"""Cells; what is left of a mask in view below that is nothing."""


@dataclass(frozen=True)
class Evidence:
    """The pairs of a batch whose evidence is known.

    Attributes:
        row: ``(M,)`` int64, place of the study in the batch.
        finding: ``(M,)`` int64, its number.
        mask: ``(M, h, w)`` float32 in [0, 1], how much of each cell may hold evidence; never 0 everywhere.
    """

    row: Tensor
    finding: Tensor
    mask: Tensor

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.row)


class EvidenceSource(Protocol):
    """What ``boxes``, ``regions`` and ``body`` offer."""

    def __call__(self, batch: Batch, grid: tuple[int, int], epoch: int) -> Evidence:
        """Return the known evidence of a served batch, on its device.

        Args:
            batch: after the transform.
            grid: ``(h, w)`` of the feature map.
            epoch: whose draws the transform made.
        """
        ...


def keep_seen(row: Tensor, finding: Tensor, mask: Tensor) -> Evidence:
    """Leave out the pairs whose mask has moved out of view."""
    seen = mask.sum(dim=(1, 2)) > LEAST
    return Evidence(row[seen], finding[seen], mask[seen])


def sample_cells(matrices: Tensor, grid: tuple[int, int], samples: int = SAMPLES) -> Tensor:
    """Return where points of every cell came from.

    Args:
        matrices: ``(M, 2, 3)`` by which films were moved (``transforms/geometry.py``).
        grid: ``(h, w)`` cells.
        samples: points per side of a cell, in the middle of equal parts.

    Returns:
        ``(M, h · samples, w · samples, 2)`` x and y on the film as stored, -1 (left or top edge) to 1; beyond where the
        point came from outside the film.

    >>> sample_cells(torch.eye(2, 3)[None], (1, 2), samples=1).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    back = invert(matrices)[:, None, None]
    y, x = ((torch.arange(n * samples, device=matrices.device) + 0.5) * 2 / (n * samples) - 1 for n in grid)
    return back[..., 0] * x[:, None] + back[..., 1] * y[:, None, None] + back[..., 2]


def cover_cells(inside: Tensor, samples: int = SAMPLES) -> Tensor:
    """``(M, h · samples, w · samples)`` bool or float in [0, 1] → ``(M, h, w)`` means over cells.

    >>> cover_cells(torch.tensor([[[True, False, False, False]] * 2]), samples=2).tolist()
    [[[0.5, 0.0]]]
    """
    count, height, width = inside.shape
    cells = inside.float().view(count, height // samples, samples, width // samples, samples)
    return cells.mean(dim=(2, 4))


Matrices = Callable[[Tensor, int], Tensor]
"""``(N,)`` studies and epoch → ``(N, 2, 3)``: how the transform moves their films."""
