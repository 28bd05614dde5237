"""Studies by number, a whole batch at a time."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from cxr_xai.data.cache import Films
from cxr_xai.types import Batch


class StudyDataset(Dataset[Batch]):
    """The studies of one part.

    Args:
        rows: ``(size,)`` their rows in the study table.
        films: gives ``(n, H, W)`` uint8 for film numbers.
        film_numbers: ``(table rows,)`` film of each table row, -1 where the file is absent (such rows are not served).
        targets: ``(table rows, K)``.
    """

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        films: Films,
        film_numbers: npt.NDArray[np.int64],
        targets: npt.NDArray[np.float32],
    ) -> None:
        self.rows = rows[film_numbers[rows] >= 0]
        self.films, self.film_numbers, self.targets = films, film_numbers, targets

    def __len__(self) -> int:
        """Return the number of studies whose film is there."""
        return len(self.rows)

    def batch(self, rows: npt.NDArray[np.int64]) -> Batch:
        """Return the studies of these table rows; films are read in one indexing operation."""
        image = torch.from_numpy(np.ascontiguousarray(self.films[self.film_numbers[rows]])).unsqueeze(1)
        return Batch(torch.from_numpy(rows), image, torch.from_numpy(self.targets[rows]))

    def __getitem__(self, number: int) -> Batch:
        """Return a batch of one."""
        return self.batch(self.rows[[number]])

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        """Return a whole batch; the loader calls this instead of collating single studies."""
        return self.batch(self.rows[np.asarray(numbers)])
