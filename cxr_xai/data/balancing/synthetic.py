"""Synthetic studies: pixel blends between embedding neighbors, of which only positions and labels are kept.

They are not new patients. A blend of two films shows both, each fainter; nothing vouches that a radiologist would
report on it what its label says.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.data.transforms.draws import Stream, draw_uniform


def rank_labels(targets: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return ``(S, K)`` labels of ``(S, 1 + k, K)`` bases with their neighbors: the ranking rule of MLSMOTE.

    A finding is present where more than half of those whose label is known have it, absent where not, and NaN where
    none is known.

    >>> rank_labels(np.array([[[1, 1, np.nan], [1, 0, np.nan], [0, 0, 1]]], np.float32))
    array([[1., 0., 1.]], dtype=float32)
    """
    known, positive = (~np.isnan(targets)).sum(axis=1), (targets == 1).sum(axis=1)
    return np.where(known > 0, 2 * positive > known, np.nan).astype(np.float32)


@dataclass(frozen=True)
class Synthetic:
    """Recipes of ``S`` films: ``film = base + weight * (partner - base)``, the partner one of the base's neighbors.

    Attributes:
        base: ``(S,)`` positions in the training part.
        neighbors: ``(S, k)`` positions of the base's nearest neighbors, nearest first. A base with fewer neighbors has
            them repeated in turn, so the nearer of them are drawn more often.
        targets: ``(S, K)`` labels; they belong to base and neighbors together, whichever partner is drawn.
        seed: of the draws.
    """

    base: npt.NDArray[np.int64]
    neighbors: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float32]
    seed: int = 0

    def __len__(self) -> int:
        """Return the number of synthetic studies."""
        return len(self.base)

    def draw(self, numbers: npt.NDArray[np.int64], epoch: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return partner positions and weights in [0, 1), both ``(n,)``: a function of (seed, epoch, number) alone.

        Args:
            numbers: ``(n,)`` of the synthetic studies, 0 to S - 1.
            epoch: each has its own partners and weights.
        """
        u = draw_uniform(self.seed, epoch, torch.from_numpy(numbers), 2, Stream.SYNTHETIC).numpy()
        k = self.neighbors.shape[1]
        choice = (u[:, 0].astype(np.float64) * k).astype(np.int64)  # in float32 the product may round up to k
        return self.neighbors[numbers, choice], u[:, 1]
