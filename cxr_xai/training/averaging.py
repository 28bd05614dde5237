"""Means over the studies of all processes, where each process knows its own."""

import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Return the number of processes; 1 outside a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


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
    if (size := world_size()) == 1:
        return counts.new_ones(counts.shape)
    joined = counts.clone()
    dist.all_reduce(joined)
    return counts * size / joined.clamp(min=1)
