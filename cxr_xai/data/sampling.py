"""In which order studies are visited, on one process or several."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler


class EpochSampler(Sampler[int]):
    """One permutation (or weighted draw) per epoch, of which each rank takes its shard.

    The order is a function of (seed, epoch): every rank computes the same one and takes each ``world_size``-th entry,
    so weights survive several processes. The order is padded from its start to a multiple of ``world_size``, so that
    all ranks take the same number of steps; readers of predictions drop the repeated studies.

    What is yielded are visits, ``epoch * size + study``, so that a dataset knows the epoch in any worker process; an
    order that is not shuffled visits 0, 1, 2, … in every epoch.

    Attributes:
        begin: how many of this rank's studies the next pass leaves out, because they were trained on before a cut.

    Args:
        size: number of studies.
        shuffle: new order every epoch.
        weights: ``(size,)`` relative chances; studies are then drawn with replacement.
        seed: of the order.
        rank: this process.
        world_size: all processes.
    """

    def __init__(
        self,
        size: int,
        shuffle: bool,
        weights: npt.NDArray[np.float64] | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.size, self.shuffle, self.weights = size, shuffle, weights
        self.seed, self.rank, self.world_size = seed, rank, world_size
        self.epoch = self.begin = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    @property
    def layout(self) -> int | None:
        """What else the order hangs on, as one number; None where it is the size and the seed alone."""
        return None

    def order(self) -> npt.NDArray[np.int64]:
        """Return this epoch's order over all ranks, before padding."""
        random = np.random.default_rng([self.seed, self.epoch])
        if self.weights is not None:
            return random.choice(self.size, self.size, p=self.weights / self.weights.sum())
        return random.permutation(self.size) if self.shuffle else np.arange(self.size)

    def __iter__(self) -> Iterator[int]:
        """Yield this rank's share, without its first ``begin`` studies."""
        order = self.order()
        visits = order + self.epoch * self.size if self.shuffle else order
        share = np.resize(visits, len(self) * self.world_size)[self.rank :: self.world_size]
        return iter(share[self.begin :].tolist())

    def __len__(self) -> int:
        """Return the number of studies on each rank in a whole epoch."""
        return -(-self.size // self.world_size)
