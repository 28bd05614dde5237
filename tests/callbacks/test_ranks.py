"""A list shared between processes comes back whole and in order."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from cxr_xai.callbacks import ranks
from cxr_xai.callbacks.ranks import gather_rows
from cxr_xai.training.averaging import world


def work(positions: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor] | None:
    """Position ``p`` yields ``[p, 10 p]`` and ``p²``."""
    if not len(positions):
        return None
    p = torch.from_numpy(positions)
    return torch.stack([p, 10 * p], dim=1).float(), p**2


def test_one_process_does_all() -> None:
    assert world() == (0, 1)
    pairs, squares = gather_rows(work, 4)
    assert pairs.tolist() == [[0, 0], [1, 10], [2, 20], [3, 30]]
    assert squares.tolist() == [0, 1, 4, 9]


def test_nothing_to_do() -> None:
    assert gather_rows(work, 0) == ()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("rank", [0, 2])
def test_three_ranks_equal_one(monkeypatch: pytest.MonkeyPatch, count: int, rank: int) -> None:
    def exchange(everyone: list[object], mine: object) -> None:
        everyone[:] = [work(np.arange(count)[number::3]) for number in range(3)]
        assert (mine is None) == (everyone[rank] is None)

    alone = gather_rows(work, count)
    monkeypatch.setattr(ranks, "world", lambda: (rank, 3))
    monkeypatch.setattr(ranks.dist, "all_gather_object", exchange)
    for joined, expected in zip(gather_rows(work, count), alone, strict=True):
        assert joined.dtype == expected.dtype
        assert torch.equal(joined, expected)
