"""Studies by number, a whole batch at a time."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from cxr_xai.data.balancing.synthetic import Synthetic
from cxr_xai.data.films.decode import Pixels
from cxr_xai.data.films.files import Films
from cxr_xai.types import Batch

Mix = Callable[[Tensor, int, int], tuple[Tensor, Tensor]]
"""``(index, epoch, studies)`` → the number of each study's partner and the study's own weight, as mixup draws them."""


def blend(films: Pixels, partners: Pixels, weights: npt.NDArray[np.float32]) -> Pixels:
    """Return ``films + weights · (partners − films)``, rounded to gray levels.

    Args:
        films: ``(n, H, W)`` uint8.
        partners: likewise.
        weights: ``(n,)`` in [0, 1], the partners' share.

    >>> blend(np.full((1, 1, 1), 10, np.uint8), np.full((1, 1, 1), 20, np.uint8), np.array([0.25], np.float32)).item()
    13
    """
    share = weights[:, None, None]
    return np.asarray(films * (1 - share) + partners * share + np.float32(0.5), np.uint8)


class StudyDataset(Dataset[Batch]):
    """The studies of one part, and in training those that are made of two.

    A *visit* is a number: ``epoch * len(dataset) + study``, so what is drawn for a study belongs to the epoch in any
    worker process; plain study numbers are visits of epoch 0. Studies past ``len(rows)`` are synthetic.

    Args:
        rows: ``(size,)`` their rows in the study table.
        films: gives ``(n, H, W)`` uint8 for film numbers.
        film_numbers: ``(table rows,)`` film of each table row, -1 where the file is absent (such rows are not served).
        targets: ``(table rows, K)``.
        synthetic: studies blended from two of these; their ``index`` in a batch begins after the table's last row.
        mix: draws a partner for every study.
    """

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        films: Films,
        film_numbers: npt.NDArray[np.int64],
        targets: npt.NDArray[np.float32],
        synthetic: Synthetic | None = None,
        mix: Mix | None = None,
    ) -> None:
        self.rows = rows[film_numbers[rows] >= 0]
        self.films, self.film_numbers, self.targets = films, film_numbers, targets
        self.synthetic, self.mix = synthetic, mix

    def __len__(self) -> int:
        """Return the number of studies: those whose film is there, and synthetic ones."""
        return len(self.rows) + (0 if self.synthetic is None else len(self.synthetic.base))

    def batch(self, rows: npt.NDArray[np.int64]) -> Batch:
        """Return the studies of these table rows as they are, whatever is blended in training."""
        films = np.ascontiguousarray(self.films[self.film_numbers[rows]])
        return Batch(torch.from_numpy(rows), torch.from_numpy(films).unsqueeze(1), torch.from_numpy(self.targets[rows]))

    def __getitem__(self, visit: int) -> Batch:
        """Return a batch of one."""
        return self.__getitems__([visit])

    def __getitems__(self, visits: Sequence[int]) -> Batch:
        """Return a whole batch of one epoch; the loader calls this instead of collating single studies."""
        epochs, numbers = np.divmod(np.asarray(visits, np.int64), len(self))
        epoch = int(epochs[0])
        index, films, targets = self._read(numbers, epoch)
        if self.mix is not None:
            partners, own = (drawn.numpy() for drawn in self.mix(torch.from_numpy(index), epoch, len(self)))
            _, others, other_targets = self._read(partners, epoch)
            films = blend(films, others, 1 - own)
            targets = targets * own[:, None] + other_targets * (1 - own[:, None])
        return Batch(torch.from_numpy(index), torch.from_numpy(films).unsqueeze(1), torch.from_numpy(targets))

    def _read(
        self, numbers: npt.NDArray[np.int64], epoch: int
    ) -> tuple[npt.NDArray[np.int64], Pixels, npt.NDArray[np.float32]]:
        """Return index, films and targets of these studies; films are read in one indexing operation."""
        if self.synthetic is None or not (made := numbers >= len(self.rows)).any():
            rows = self.rows[numbers]
            return rows, np.ascontiguousarray(self.films[self.film_numbers[rows]]), self.targets[rows]
        which = numbers[made] - len(self.rows)
        base = numbers.copy()
        base[made] = self.synthetic.base[which]
        partners, weights = self.synthetic.draw(which, epoch)
        rows = self.rows[base]
        films, targets = np.ascontiguousarray(self.films[self.film_numbers[rows]]), self.targets[rows]
        films[made] = blend(films[made], self.films[self.film_numbers[self.rows[partners]]], weights)
        targets[made] = self.synthetic.targets[which]
        index = rows.copy()
        index[made] = len(self.targets) + which
        return index, films, targets
