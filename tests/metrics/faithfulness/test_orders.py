"""In which order evidence is taken away."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.metrics.faithfulness.orders import draw_ranks, find_dead, pool_cells, rank_cells


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(2, 9))
def test_ranks_are_a_permutation_that_falls(seed: int, a: int, b: int) -> None:
    values = torch.randint(-2, 3, (3, a, b), generator=torch.Generator().manual_seed(seed)).float()
    ranks = rank_cells(values, seed)
    for value, rank in zip(values.flatten(1), ranks.flatten(1), strict=True):
        order = torch.argsort(rank)
        assert sorted(rank.tolist()) == list(range(a * b))
        assert bool((value[order].diff() <= 0).all())
    assert torch.equal(ranks, rank_cells(values, seed))


def test_ties_are_drawn_and_not_read_from_the_corner() -> None:
    first = rank_cells(torch.zeros(1, 8, 8), seed=0)
    assert not torch.equal(first.flatten(), torch.arange(64))
    assert not torch.equal(first, rank_cells(torch.zeros(1, 8, 8), seed=1))
    assert torch.equal(rank_cells(torch.zeros(2, 8, 8))[0], rank_cells(torch.zeros(1, 8, 8))[0])


def test_pooling_keeps_a_map_that_has_the_cells_already() -> None:
    maps = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(pool_cells(maps, (8, 8), (8, 8)), maps)
    fine = torch.arange(16.0).view(1, 4, 4)
    assert pool_cells(fine, (4, 4), (2, 2)).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    broken = torch.full((1, 4, 4), torch.nan)
    assert bool(pool_cells(broken, (8, 8), (2, 2)).isnan().all())


def test_dead_maps_are_named() -> None:
    maps = torch.stack([torch.zeros(4, 4), torch.ones(4, 4), -torch.rand(4, 4), torch.full((4, 4), torch.nan)])
    assert find_dead(torch.cat([maps, torch.rand(1, 4, 4)])[None]).tolist() == [[True, True, True, True, False]]


def test_chance_is_the_same_every_time() -> None:
    assert torch.equal(draw_ranks((4, 5), 3, seed=2), draw_ranks((4, 5), 3, seed=2))
    assert draw_ranks((4, 5), 0).shape == (0, 4, 5)
