"""Logits gathered, each study once."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from cxr_xai.training.predictions import Predictions


def fill(rows: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Row ``r`` has logits ``r + k / 100`` and target ``r % 2``, unknown for finding 3."""
    index = torch.tensor(rows)
    logits = index[:, None] + torch.arange(14) / 100
    target = (index % 2).float()[:, None].repeat(1, 14)
    target[:, 3] = torch.nan
    return index, logits, target


def test_rows_ascend_and_each_counts_once() -> None:
    gathered = Predictions()
    gathered.update(*fill([5, 2, 9]))
    gathered.update(*fill([0, 5, 2]))
    index, logits, target = gathered.joined()
    expected = fill([0, 2, 5, 9])
    assert index.tolist() == [0, 2, 5, 9]
    assert torch.equal(logits, expected[1])
    assert torch.equal(target.nan_to_num(7), expected[2].nan_to_num(7))


def test_one_study() -> None:
    gathered = Predictions()
    gathered.update(*fill([4]))
    index, logits, target = gathered.joined()
    assert (index.shape, logits.shape, target.shape) == ((1,), (1, 14), (1, 14))


def test_bfloat16_logits_become_float32_without_a_graph() -> None:
    gathered = Predictions()
    index, logits, target = fill([1, 2])
    gathered.update(index, logits.bfloat16().requires_grad_(), target)
    assert gathered.joined()[1].dtype == torch.float32
    assert not gathered.joined()[1].requires_grad


def test_reset_forgets() -> None:
    gathered = Predictions()
    gathered.update(*fill([1, 2]))
    gathered.joined()
    gathered.reset()
    gathered.update(*fill([3, 8]))
    assert gathered.joined()[0].tolist() == [3, 8]


def test_nothing_of_it_is_in_a_checkpoint() -> None:
    gathered = Predictions()
    gathered.update(*fill([1, 2]))
    assert gathered.state_dict() == {}
    assert list(gathered.parameters()) == []


def gather(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    gathered = Predictions()
    # Seven studies on two ranks: the last step of rank 1 repeats row 0; ranks differ in their last batch.
    for rows in ([[0, 2], [4, 6]], [[1, 3], [5], [0]])[rank]:
        gathered.update(*fill(rows))
    torch.save(gathered.joined(), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_equal_one(tmp_path: Path) -> None:
    mp.spawn(gather, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        index, logits, _ = torch.load(tmp_path / f"{rank}.pt")
        assert index.tolist() == list(range(7))
        assert torch.equal(logits, fill(list(range(7)))[1])
