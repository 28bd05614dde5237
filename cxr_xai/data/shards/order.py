"""In which order streamed studies are visited: shards shuffled, then studies within a buffer, each once an epoch."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cxr_xai.data.sampling import EpochSampler
from cxr_xai.errors import UserError

LANES = 8
"""Streams of a process, each with shards of its own; batches take turns. Divided by the number of loader workers, each
worker reads its own lanes and the order stays the same."""

BUFFER = 2048
"""Studies of a process among which the next one is drawn: four shards of 512."""

Numbers = npt.NDArray[np.int64]


def shuffle_in_buffer(length: int, buffer: int, random: np.random.Generator) -> Numbers:
    """Return the order in which a shuffle buffer lets go of ``0 … length - 1``: the next is one of those it holds.

    >>> order = shuffle_in_buffer(6, 2, np.random.default_rng(0))
    >>> sorted(order.tolist()), bool((order <= np.arange(6) + 1).all())  # at step n, n + 2 studies have come in
    ([0, 1, 2, 3, 4, 5], True)
    """
    size = min(buffer, length)
    held, slots = list(range(size)), random.integers(size, size=max(length - size, 0)) if size else []
    order = []
    for coming, slot in enumerate(slots, start=size):
        order.append(held[slot])
        held[slot] = coming
    return np.array([*order, *np.array(held, np.int64)[random.permutation(size)]], np.int64)


def share_of(sequence: Numbers, rank: int, world_size: int) -> Numbers:
    """Return a rank's run of a sequence, as long as every other's: padded from the start, as readers expect."""
    count = -(-len(sequence) // world_size)
    return np.resize(sequence, count * world_size)[rank * count : (rank + 1) * count]


def order_stream(
    shard: Numbers, seed: int, epoch: int, rank: int = 0, world_size: int = 1, batch_size: int = 32
) -> Numbers:
    """Return the studies that a rank visits in an epoch, in their order; a function of its arguments alone.

    All shards are shuffled, and each rank takes an equal run of the films that follow: a shard lies with one rank, but
    for those at the ends of a run. Within a rank runs of whole batches lie in lanes, whose batches take turns.

    Args:
        shard: ``(size,)`` the shard of each study.
        seed: of the order.
        epoch: likewise.
        rank: this process.
        world_size: all processes.
        batch_size: studies a batch.
    """
    random = np.random.default_rng([seed, epoch])
    names = np.unique(shard)
    turn = np.empty(len(names), np.int64)
    turn[random.permutation(len(names))] = np.arange(len(names))
    sequence = np.lexsort((np.arange(len(shard)), turn[np.searchsorted(names, shard)]))
    share = share_of(sequence, rank, world_size)
    sizes = np.diff([*range(0, len(share), batch_size), len(share)])
    lanes, start = [], 0
    for lane in range(LANES):
        length = int(sizes[lane::LANES].sum())
        own = np.random.default_rng([seed, epoch, rank, lane])
        shuffled = share[start : start + length][shuffle_in_buffer(length, BUFFER // LANES, own)]
        lanes.append(np.split(shuffled, np.cumsum(sizes[lane::LANES])[:-1]))
        start += length
    turns = [lanes[k % LANES][k // LANES] for k in range(len(sizes))]
    return np.concatenate(turns).astype(np.int64) if turns else share


def keep_enough(per_shard: int) -> int:
    """Return how many shards a process must keep so that none is read twice in an epoch: what lies in its buffers.

    >>> keep_enough(512), keep_enough(64)
    (24, 56)
    """
    return LANES * (-(-(BUFFER // LANES) // per_shard) + 2)


class ShardSampler(EpochSampler):
    """Visits of `order_stream` in training; otherwise each rank's run in table order, in which shards lie, too.

    Args:
        shard: ``(size,)`` the shard of each study.
        shuffle: new order every epoch.
        seed: of the order.
        rank: this process.
        world_size: all processes.
        batch_size: studies a batch.
    """

    def __init__(
        self, shard: Numbers, shuffle: bool, seed: int = 0, rank: int = 0, world_size: int = 1, batch_size: int = 32
    ) -> None:
        super().__init__(len(shard), shuffle, None, seed, rank, world_size)
        self.shard, self.batch_size = shard, batch_size

    def __iter__(self) -> Iterator[int]:
        """Yield this rank's share, without its first ``begin`` studies."""
        if self.shuffle:
            share = order_stream(self.shard, self.seed, self.epoch, self.rank, self.world_size, self.batch_size)
            share = share + self.epoch * self.size
        else:
            share = share_of(np.argsort(self.shard, kind="stable"), self.rank, self.world_size)
        return iter(share[self.begin :].tolist())


def require_lanes(num_workers: int) -> None:
    """Refuse a number of workers that lanes cannot be shared out to.

    Raises:
        UserError: names those that can.
    """
    if num_workers and LANES % num_workers:
        raise UserError(
            f"datamodule.num_workers={num_workers}: shards are read in {LANES} lanes; use 0, 1, 2, 4 or 8 workers."
        )
