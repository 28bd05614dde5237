"""The visiting order: of the seed and epoch, shared out over the ranks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.data.sampling import EpochSampler


@given(
    size=st.integers(1, 60),
    shuffle=st.booleans(),
    world=st.integers(1, 5),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
)
def test_ranks_partition_the_padded_order(size: int, shuffle: bool, world: int, seed: int, epoch: int) -> None:
    samplers = [EpochSampler(size, shuffle, None, seed, rank, world) for rank in range(world)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    shares = [list(sampler) for sampler in samplers]
    steps = -(-size // world)
    assert [len(share) for share in shares] == [len(sampler) for sampler in samplers] == [steps] * world
    joined = [shares[number % world][number // world] for number in range(steps * world)]
    order = samplers[0].order().tolist()
    assert {visit // size for visit in joined} == {epoch if shuffle else 0}
    joined = [visit % size for visit in joined]
    assert joined[:size] == order
    assert sorted(order) == list(range(size))
    assert set(joined) == set(range(size))
    padding = steps * world - size
    assert joined[size:] == (order * world)[:padding]


def test_without_shuffling_the_order_is_the_table() -> None:
    sampler = EpochSampler(5, shuffle=False)
    sampler.set_epoch(7)
    assert list(sampler) == [0, 1, 2, 3, 4]


def test_the_order_belongs_to_seed_and_epoch() -> None:
    orders = {}
    for seed in (0, 1):
        for epoch in (0, 1):
            sampler = EpochSampler(50, shuffle=True, seed=seed)
            sampler.set_epoch(epoch)
            assert list(sampler) == list(sampler)
            orders[seed, epoch] = tuple(sampler)
    assert len(set(orders.values())) == 4


def test_the_order_ignores_global_random_state() -> None:
    sampler = EpochSampler(50, shuffle=True)
    np.random.seed(1)  # noqa: NPY002
    first = list(sampler)
    np.random.seed(2)  # noqa: NPY002
    assert list(sampler) == first


@pytest.mark.parametrize("world", [1, 2])
def test_weights_are_respected_on_every_rank(world: int) -> None:
    weights = np.array([0.0, 1.0, 3.0, 0.0] * 1000)
    for rank in range(world):
        drawn = np.array(list(EpochSampler(4000, True, weights, 0, rank, world))) % 4
        shares = np.bincount(drawn, minlength=4) / len(drawn)
        assert shares[0] == shares[3] == 0
        assert abs(shares[2] - 0.75) < 0.04  # about 4 standard errors of 2,000 draws


def test_ranks_do_not_draw_the_same_studies() -> None:
    first, second = (list(EpochSampler(1000, True, np.ones(1000), 0, rank, 2)) for rank in range(2))
    assert first != second


@given(size=st.integers(1, 40), begin=st.integers(0, 45), world=st.integers(1, 3), epoch=st.integers(0, 3))
def test_what_was_trained_on_is_left_out(size: int, begin: int, world: int, epoch: int) -> None:
    for rank in range(world):
        sampler = EpochSampler(size, True, None, 1, rank, world)
        sampler.set_epoch(epoch)
        whole = list(sampler)
        sampler.begin = begin
        assert list(sampler) == whole[begin:]
        assert len(sampler) == len(whole), "the epoch is as long as before"
