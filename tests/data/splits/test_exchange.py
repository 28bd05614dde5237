"""Exchanges never make a division worse, and mend what a greedy one leaves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.splits.exchange import ENOUGH, SIZE, deviations, exchange_groups
from cxr_xai.data.splits.stratify import stratify_groups

SHARES = np.array([0.7, 0.15, 0.15])


def make_counts(groups: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    images = random.geometric(0.4, groups).clip(max=9)
    return np.column_stack([random.binomial(images[:, None], 0.12, (groups, 6)), images]).astype(float)


def cost(counts: np.ndarray, part: np.ndarray) -> float:
    counts = counts[:, counts.sum(axis=0) > 0]
    wanted = np.outer(SHARES, counts.sum(axis=0))
    sums = np.stack([counts[part == k].sum(axis=0) for k in range(3)])
    return float((deviations(sums, wanted, counts[:, -1].sum()) ** 4).sum())


def test_deviations_by_hand() -> None:
    # A part of 60 of 100 wanted 50 images; 6 positives in 60 images where 10 in 50 were wanted.
    apart = deviations(np.array([6.0, 60.0]), np.array([10.0, 50.0]), images=100.0)
    np.testing.assert_allclose(apart, [6 / 1.2 / 10 - 1, 10 / (SIZE * 100)])


@settings(max_examples=25, deadline=None)
@given(groups=st.integers(3, 80), seed=st.integers(0, 10_000))
def test_a_division_never_gets_worse(groups: int, seed: int) -> None:
    counts, part = make_counts(groups, seed), np.random.default_rng(seed).integers(0, 3, groups)
    after = exchange_groups(counts, part, SHARES, seed)
    assert set(after) <= {0, 1, 2}
    assert cost(counts, after) <= cost(counts, part) + 1e-9
    np.testing.assert_array_equal(after, exchange_groups(counts, part, SHARES, seed))


@pytest.mark.parametrize("seed", range(5))
def test_what_the_greedy_division_left_over_is_mended(seed: int) -> None:
    counts = make_counts(1500, seed)
    wanted = np.outer(SHARES, counts.sum(axis=0))

    def worst(part: np.ndarray) -> float:
        sums = np.stack([counts[part == k].sum(axis=0) for k in range(3)])
        return float(np.abs(deviations(sums, wanted, counts[:, -1].sum())[:, :-1]).max())

    greedy = stratify_groups(counts, SHARES, seed)
    mended = exchange_groups(counts, greedy, SHARES, seed)
    assert worst(mended) <= max(ENOUGH, 0.5 * worst(greedy))
    np.testing.assert_allclose([counts[mended == k, -1].sum() for k in range(3)], wanted[:, -1], atol=2)


def test_an_even_division_is_left_alone() -> None:
    counts = np.tile([[1.0, 2.0], [0.0, 2.0]], (4, 1))
    part = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(exchange_groups(counts, part, np.array([0.5, 0.5]), 0), part)
