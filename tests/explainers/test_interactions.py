"""Interactions of players, by hand and as a property."""

from itertools import permutations

import numpy as np

from cxr_xai.explainers.interactions import shapley_interactions


def test_additive_games_have_none() -> None:
    worth = np.array([1.0, -2.0, 0.5])
    values = np.array([[sum(w for r, w in enumerate(worth) if c >> r & 1)] for c in range(8)])
    np.testing.assert_allclose(shapley_interactions(values), 0, atol=1e-12)


def test_a_product_of_two_belongs_to_them() -> None:
    values = np.array([[float(c & 1 and c >> 2 & 1)] for c in range(8)])
    found = shapley_interactions(values)[..., 0]
    assert found[0, 2] == found[2, 0] == 1
    assert np.abs(found).sum() == 2


def test_it_is_the_mean_over_orders_in_which_a_pair_enters_as_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((16, 2))
    i, j = 1, 3
    drawn = []
    for order in permutations([0, 2, "pair"]):
        before = sum(1 << r for r in order[: order.index("pair")])  # type: ignore[operator]
        pair = before | 1 << i | 1 << j
        drawn.append(values[pair] - values[before | 1 << i] - values[before | 1 << j] + values[before])
    np.testing.assert_allclose(shapley_interactions(values)[i, j], np.mean(drawn, axis=0))
