"""In which order streamed studies are visited: shards shuffled, then studies within few of them, each once an epoch."""

import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cxr_xai.data.sampling import EpochSampler
from cxr_xai.errors import UserError

LANES = 8
"""Streams of a process, each with shards of its own; batches take turns. Divided by the number of loader workers, each
worker reads its own lanes and the order stays the same."""

BUFFER = 2048
"""Films of a process that are shuffled together, over all lanes; shards hold films by lot already."""

Numbers = npt.NDArray[np.int64]


def group_of(per_shard: int) -> int:
    """Return how many shards of a lane are shuffled together: one at least, which is emptied before the next is read.

    >>> group_of(512), group_of(64)
    (1, 4)
    """
    return max(1, BUFFER // LANES // per_shard)


def keep_enough(per_shard: int) -> int:
    """Return how many shards a process must keep so that none is read twice in an epoch: two groups a lane.

    While one lane waits for the last film of a shard, every other may have gone on to its next group.

    >>> keep_enough(512)
    16
    """
    return 2 * LANES * group_of(per_shard)


def shuffle_groups(shard: Numbers, group: int, random: np.random.Generator) -> Numbers:
    """Return an order of studies: shards as they come, ``group`` at a time, whose studies are shuffled together.

    >>> shuffle_groups(np.array([7, 7, 3, 3, 5]), 2, np.random.default_rng(0)).tolist()
    [3, 2, 1, 0, 4]
    """
    turn = np.cumsum(np.r_[0, shard[1:] != shard[:-1]]) if len(shard) else shard
    return np.asarray(np.lexsort((random.random(len(shard)), turn // group)), np.int64)


def share_of(sequence: Numbers, rank: int, world_size: int) -> Numbers:
    """Return a rank's run of a sequence, as long as every other's: padded from the start, as readers expect."""
    count = -(-len(sequence) // world_size)
    return np.resize(sequence, count * world_size)[rank * count : (rank + 1) * count]


def order_stream(
    shard: Numbers, seed: int, epoch: int, rank: int = 0, world_size: int = 1, batch_size: int = 32, group: int = 1
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
        group: shards that are shuffled together.
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
        mine, own = share[start : start + length], np.random.default_rng([seed, epoch, rank, lane])
        shuffled = mine[shuffle_groups(shard[mine], group, own)]
        lanes.append(np.split(shuffled, np.cumsum(sizes[lane::LANES])[:-1]))
        start += length
    turns = [lanes[k % LANES][k // LANES] for k in range(len(sizes))]
    return np.concatenate(turns).astype(np.int64) if turns else share


class ShardSampler(EpochSampler):
    """Visits of `order_stream` in training; otherwise each rank's run of the shards, one after the other.

    Args:
        shard: ``(size,)`` the shard of each study.
        shuffle: new order every epoch.
        seed: of the order.
        rank: this process.
        world_size: all processes.
        batch_size: studies a batch.
        per_shard: films of a shard, of other parts too.
    """

    def __init__(
        self,
        shard: Numbers,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        batch_size: int = 32,
        per_shard: int = 512,
    ) -> None:
        super().__init__(len(shard), shuffle, None, seed, rank, world_size)
        self.shard, self.batch_size, self.group = shard, batch_size, group_of(per_shard)

    @property
    def layout(self) -> int:
        """In which shards the studies lie."""
        return zlib.crc32(self.shard.tobytes())

    def __iter__(self) -> Iterator[int]:
        """Yield this rank's share, without its first ``begin`` studies."""
        if self.shuffle:
            place = (self.seed, self.epoch, self.rank, self.world_size, self.batch_size, self.group)
            share = order_stream(self.shard, *place) + self.epoch * self.size
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
