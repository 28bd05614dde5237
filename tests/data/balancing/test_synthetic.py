"""The label rule by hand, and draws that belong to a study and an epoch."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cxr_xai.data.balancing.synthetic import Synthetic, rank_labels
from cxr_xai.data.transforms.draws import Stream, draw_uniform

NAN = np.nan
GROUPS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(2, 6), st.just(3)),
    elements=st.sampled_from([0.0, 1.0, float("nan")]),
)


def many(count: int, k: int = 5, seed: int = 0) -> Synthetic:
    """Base ``n`` has the neighbors ``100 n``, ``100 n + 1``, …"""
    base = np.arange(count)
    return Synthetic(base, 100 * base[:, None] + np.arange(k), np.zeros((count, 14), np.float32), seed)


def test_more_than_half_of_base_and_neighbors() -> None:
    group = np.array(
        [
            # all, 3 of 5, 2 of 5, none, unknown to all
            [1, 1, 1, 0, NAN],
            [1, 1, 1, 0, NAN],
            [1, 0, 0, 0, NAN],
            [1, 1, 0, 0, NAN],
            [1, 0, 0, 0, NAN],
        ],
        np.float32,
    )
    np.testing.assert_array_equal(rank_labels(group[None]), [[1, 1, 0, 0, NAN]])


def test_half_is_not_more_than_half() -> None:
    group = np.array([[1, 0], [0, 1], [1, 1], [0, 1]], np.float32)
    np.testing.assert_array_equal(rank_labels(group[None]), [[0, 1]])


def test_unknown_labels_are_left_out_of_the_count() -> None:
    group = np.array([[1, 1, NAN, 0], [NAN, 0, NAN, NAN], [NAN, NAN, 1, NAN]], np.float32)  # 1 of 1, 1 of 2, …
    np.testing.assert_array_equal(rank_labels(group[None]), [[1, 0, 1, 0]])


@settings(max_examples=80, deadline=None)
@given(GROUPS)
def test_what_all_have_is_kept_and_order_does_not_matter(groups: np.ndarray) -> None:
    labels = rank_labels(groups)
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, rank_labels(groups[:, ::-1]))
    np.testing.assert_array_equal(np.isnan(labels), np.isnan(groups).all(axis=1))
    assert (labels[(groups == 1).all(axis=1)] == 1).all()
    assert not (labels[~(groups == 1).any(axis=1)] == 1).any()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 49), max_size=20), st.integers(0, 30), st.integers(0, 1000))
def test_draws_belong_to_the_study_and_the_epoch(numbers: list[int], epoch: int, seed: int) -> None:
    synthetic, asked = many(50, seed=seed), np.array(numbers, np.int64)
    partners, weights = synthetic.draw(asked, epoch)
    assert partners.shape == weights.shape == asked.shape
    assert (partners.dtype, weights.dtype) == (np.int64, np.float32)
    assert ((weights >= 0) & (weights < 1)).all()
    all_partners, all_weights = synthetic.draw(np.arange(50), epoch)
    np.testing.assert_array_equal(partners, all_partners[asked])
    np.testing.assert_array_equal(weights, all_weights[asked])
    assert all(partner in synthetic.neighbors[number] for number, partner in zip(numbers, partners, strict=True))


def test_epochs_and_seeds_differ_and_neighbors_take_turns() -> None:
    numbers = np.arange(2000)
    draws = {(seed, epoch): many(2000, seed=seed).draw(numbers, epoch) for seed in (0, 1) for epoch in (0, 1)}
    for key, (partners, weights) in draws.items():
        shares = np.bincount(partners % 100, minlength=5) / 2000
        assert np.abs(shares - 0.2).max() < 0.04  # four standard errors
        assert abs(weights.mean() - 0.5) < 0.03
        assert np.abs(np.corrcoef(partners % 100, weights)[0, 1]) < 0.1
        for other, (_, other_weights) in draws.items():
            assert (key == other) == np.array_equal(weights, other_weights)


def test_transforms_with_the_same_seed_draw_other_numbers() -> None:
    numbers = np.arange(500)
    _, weights = many(500).draw(numbers, 3)
    for stream in {0, *Stream} - {Stream.SYNTHETIC}:
        others = draw_uniform(0, 3, torch.from_numpy(numbers), 4, stream).numpy()
        assert np.abs(np.corrcoef(weights, others.T)[0, 1:]).max() < 0.2, stream


def test_one_neighbor_is_always_the_partner() -> None:
    partners, _ = many(30, k=1).draw(np.arange(30), 0)
    assert partners.tolist() == [100 * number for number in range(30)]
