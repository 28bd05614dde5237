"""Nearest neighbors among the studies that share a finding."""

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors


def nearest_in_bag(embedding: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """Return ``(m, min(k, m - 1))`` rows of the Euclidean neighbors of each of m ≥ 2 rows, nearest first, never itself.

    >>> nearest_in_bag(np.array([[0.0], [1.0], [3.0]], np.float32), k=5)
    array([[1, 2],
           [0, 2],
           [1, 0]])
    """
    finder = NearestNeighbors(n_neighbors=min(k, len(embedding) - 1)).fit(embedding)
    nearest: npt.NDArray[np.int64] = finder.kneighbors(return_distance=False)
    return nearest
