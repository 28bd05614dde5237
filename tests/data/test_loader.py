"""A loader that begins its epoch where it was cut, in worker processes too."""

from typing import Any

import numpy as np
import pytest
import torch

from cxr_xai.data.dataset import StudyDataset
from cxr_xai.data.loader import StudyLoader
from cxr_xai.data.sampling import EpochSampler

STUDIES = 11


class Films:
    """Notes which films are asked for."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, numbers: np.ndarray) -> np.ndarray:
        self.read += numbers.tolist()
        return np.zeros((len(numbers), 4, 4), np.uint8)


def keep(batch: Any) -> Any:
    return batch


def make(workers: int = 0, weights: Any = None, rank: int = 0, world: int = 1) -> tuple[StudyLoader, Films]:
    films, rows = Films(), np.arange(STUDIES)
    dataset = StudyDataset(rows, films, rows, np.zeros((STUDIES, 14), np.float32))
    sampler = EpochSampler(STUDIES, True, weights, 3, rank, world)
    options: dict[str, Any] = {"num_workers": workers, "persistent_workers": workers > 0, "collate_fn": keep}
    return StudyLoader(dataset, batch_size=2, sampler=sampler, generator=torch.Generator(), **options), films


def rows(loader: StudyLoader, epoch: int, count: int | None = None) -> list[list[int]]:
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    found = []
    for number, batch in enumerate(loader, start=1):
        found.append(batch.index.tolist())
        if number == count:
            break
    return found


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("weights", [None, np.linspace(1, 9, STUDIES)])
def test_an_epoch_in_two_pieces_is_the_epoch(workers: int, weights: Any) -> None:
    whole = {epoch: rows(make(0, weights)[0], epoch) for epoch in (4, 5)}
    first, _ = make(workers, weights)
    begun = rows(first, 4, count=2)
    assert first.state_dict() == {"batches": 2}, "not those that a worker has made ahead"
    second, films = make(workers, weights)
    second.load_state_dict(first.state_dict())
    assert begun + rows(second, 4) == whole[4]
    assert len(second) == len(whole[4]) == 6
    assert rows(second, 5) == whole[5], "the next epoch is a whole one"
    assert second.state_dict() == {"batches": 6}
    if workers == 0:
        assert len(films.read) == 2 * STUDIES - 4, "no film is read for a batch that was trained on"


def test_each_rank_leaves_out_its_own() -> None:
    for rank in range(2):
        loader, _ = make(rank=rank, world=2)
        whole = rows(loader, 1)
        loader.load_state_dict({"batches": 1})
        assert rows(loader, 1) == whole[1:]


def test_a_pass_draws_nothing_from_the_global_state() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    rows(make()[0], 0)
    assert torch.equal(torch.rand(3), expected)


def test_nothing_is_left_after_the_last_batch() -> None:
    loader, films = make()
    loader.load_state_dict({"batches": 6})
    assert rows(loader, 0) == []
    assert films.read == []
