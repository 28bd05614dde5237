"""Whatever the numbers of ranks, workers and shards: each study once an epoch, ranks in step, few shards open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.shards.order import (
    LANES,
    ShardSampler,
    group_of,
    keep_enough,
    order_stream,
    require_lanes,
    shuffle_groups,
)
from cxr_xai.errors import UserError


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 5), st.integers(1, 9), st.integers(0, 3))
def test_each_study_once_and_ranks_in_step(size: int, per_shard: int, ranks: int, batch: int, epoch: int) -> None:
    shard = np.arange(size) // per_shard
    shares = [order_stream(shard, 5, epoch, rank, ranks, batch) for rank in range(ranks)]
    assert {len(share) for share in shares} == {-(-size // ranks)}
    visited = np.concatenate(shares)
    counts = np.bincount(visited, minlength=size)
    assert (counts >= 1).all()
    assert counts.sum() - size < ranks, "what is visited twice fills the last rank's share up"
    again = order_stream(shard, 5, epoch, 0, ranks, batch)
    np.testing.assert_array_equal(shares[0], again)


def test_a_group_is_emptied_before_the_next_is_read() -> None:
    shard = np.repeat([4, 2, 9, 1, 6], 30)
    order = shuffle_groups(shard, 2, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(150))
    groups = [set(shard[order[start : start + 60]].tolist()) for start in (0, 60, 120)]
    assert groups == [{4, 2}, {9, 1}, {6}]
    assert len(set(shard[order[:20]].tolist())) == 2, "mixed within a group"
    assert shuffle_groups(shard[:0], 2, np.random.default_rng(0)).tolist() == []


def test_another_epoch_is_another_order_and_shards_lie_with_one_rank() -> None:
    shard = np.arange(4000) // 100
    one, two = (order_stream(shard, 0, epoch) for epoch in (0, 1))
    assert (one != two).mean() > 0.9
    ranks = [set(shard[order_stream(shard, 0, 0, rank, 4)]) for rank in range(4)]
    assert sum(len(mine & other) for n, mine in enumerate(ranks) for other in ranks[:n]) <= 3, "those at the seams"


@pytest.mark.parametrize("workers", [0, 1, 2, 4, 8])
def test_workers_have_shards_of_their_own(workers: int) -> None:
    """Batch k goes to worker k mod n: no shard is read twice but those at the seams of lanes."""
    shard, batch = np.arange(8000) // 100, 10
    order = order_stream(shard, 0, 3, batch_size=batch)
    batches = order.reshape(-1, batch)
    seen = [set(shard[batches[worker :: max(workers, 1)]].ravel()) for worker in range(max(workers, 1))]
    assert sum(len(shards) for shards in seen) <= 80 + LANES
    require_lanes(workers)


@pytest.mark.parametrize("per_shard", [16, 64, 512])
def test_kept_shards_are_enough(per_shard: int) -> None:
    """Where the shard that was used least recently has to go, each is read once, those at the seams of lanes twice."""
    shard = np.random.default_rng(0).permutation(np.arange(20_000) // per_shard)
    kept: dict[int, None] = {}
    opened = 0
    for home in shard[order_stream(shard, 0, 0, group=group_of(per_shard))].tolist():
        opened += home not in kept
        kept.pop(home, None)
        kept[home] = None
        if len(kept) > keep_enough(per_shard):
            kept.pop(next(iter(kept)))
    assert opened <= len(np.unique(shard)) + LANES


def test_a_sampler_goes_on_where_it_was_cut() -> None:
    shard = np.arange(50) // 7
    sampler = ShardSampler(shard, shuffle=True, seed=1, batch_size=4)
    sampler.set_epoch(2)
    whole = list(sampler)
    assert sorted(visit - 100 for visit in whole) == list(range(50)), "visits know their epoch"
    sampler.begin = 12
    assert list(sampler) == whole[12:]
    plain = ShardSampler(shard, shuffle=False, rank=1, world_size=2)
    assert list(plain) == list(range(25, 50))
    assert sampler.layout == plain.layout != ShardSampler(np.arange(50) // 8, shuffle=True).layout


def test_workers_that_lanes_cannot_be_shared_out_to() -> None:
    with pytest.raises(UserError, match=r"num_workers=3: shards are read in 8 lanes; use 0, 1, 2, 4 or 8"):
        require_lanes(3)
