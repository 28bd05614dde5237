"""Draws belong to (seed, epoch, study)."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.data.transforms.draws import draw_uniform


@given(rows=st.lists(st.integers(0, 2**31), min_size=1, max_size=8), seed=st.integers(0, 99), epoch=st.integers(0, 99))
def test_a_study_draws_the_same_in_any_batch(rows: list[int], seed: int, epoch: int) -> None:
    together = draw_uniform(seed, epoch, torch.tensor(rows), 4)
    for number, row in enumerate(rows):
        assert torch.equal(draw_uniform(seed, epoch, torch.tensor([row]), 4)[0], together[number])


def test_seed_epoch_and_study_all_matter() -> None:
    draws = [draw_uniform(s, e, torch.tensor([r]), 4) for s in (0, 1) for e in (0, 1) for r in (0, 1)]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == 8


def test_draws_are_uniform() -> None:
    draws = draw_uniform(0, 0, torch.arange(5000), 2)
    assert draws.dtype == torch.float32
    assert draws.min() >= 0
    assert draws.max() <= 1
    assert abs(draws.mean() - 0.5) < 0.01
    assert abs(draws.std() - 12**-0.5) < 0.01
    assert abs(torch.corrcoef(draws.T)[0, 1]) < 0.05


def test_no_studies() -> None:
    assert draw_uniform(0, 0, torch.tensor([], dtype=torch.int64), 4).shape == (0, 4)
