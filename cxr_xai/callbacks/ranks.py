"""Sharing a list of studies between processes and joining what each made of its share."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor

from cxr_xai.training.averaging import world

Work = Callable[[npt.NDArray[np.int64]], tuple[Tensor, ...] | None]
"""Positions → tensors with one entry per position; None for no positions."""


def gather(value: Any) -> list[Any]:
    """Return what every rank holds, by rank, on all of them; plain types and tensors on the CPU."""
    _, size = world()
    everyone: list[Any] = [value] * size
    if size > 1:
        dist.all_gather_object(everyone, value)
    return everyone


def broadcast_from_first(tensors: Sequence[Tensor]) -> None:
    """Overwrite tensors, in place, with those of the first rank; all ranks bring the same shapes in the same order."""
    if world()[1] > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)


def gather_rows(work: Work, count: int) -> tuple[Tensor, ...]:
    """Let each rank work on every ``world_size``-th of ``count`` positions; return the joined result, in order, on all.

    A rank without positions takes part in the exchange, so no other waits for it.
    """
    rank, size = world()
    mine = work(np.arange(count)[rank::size])
    if size == 1:
        return mine or ()
    filled = [(number, part) for number, part in enumerate(gather(mine)) if part is not None]
    joined = []
    for column in range(len(filled[0][1])):
        template = filled[0][1][column]
        result = torch.empty((count, *template.shape[1:]), dtype=template.dtype)
        for number, part in filled:
            result[number::size] = part[column]
        joined.append(result)
    return tuple(joined)
