"""Means over the studies of all processes, where each process knows its own."""

import torch.distributed as dist
from torch import Tensor


def world() -> tuple[int, int]:
    """Return (rank, number of processes); (0, 1) outside a process group."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def weigh_means(counts: Tensor) -> Tensor:
    """Return by what each of this process's means must be multiplied before gradients are averaged over processes.

    ``count · processes / joined count``: the average of the weighted means is then the mean over everything counted, as
    one process would have it on the joined batch. Every process must call this in every step, with count 0 where it has
    nothing.

    Args:
        counts: ``(P,)`` float, how many entries each mean is over.

    Returns:
        ``(P,)``; ones in a single process, on several 0 where nothing is counted.
    """
    if (size := world()[1]) == 1:
        return counts.new_ones(counts.shape)
    joined = counts.clone()
    dist.all_reduce(joined)
    return counts * size / joined.clamp(min=1)
