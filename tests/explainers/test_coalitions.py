"""Shapley values against their definition, over all orders of the players."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.explainers.coalitions import draw_coalitions, solve_shapley


def make_game(players: int, seed: int) -> np.ndarray:
    """Values of all ``2^S`` coalitions of two games; coalition ``c`` stands at ``Σ 2^i``."""
    return np.random.default_rng(seed).normal(size=(2**players, 2))


def by_definition(game: np.ndarray, players: int) -> np.ndarray:
    values, orders = np.zeros((players, 2)), list(permutations(range(players)))
    for order in orders:
        there = 0
        for player in order:
            values[player] += game[there | 1 << player] - game[there]
            there |= 1 << player
    return values / len(orders)


def solve(game: np.ndarray, players: int, budget: int, seed: int = 0) -> np.ndarray:
    coalitions, weights = draw_coalitions(players, budget, seed)
    asked = game[coalitions @ (1 << np.arange(players))]
    return solve_shapley(coalitions, weights, asked, game[0], game[-1])


@pytest.mark.parametrize("players", [2, 3, 4, 5, 6])
def test_all_coalitions_give_the_values_by_definition(players: int) -> None:
    game = make_game(players, seed=players)
    np.testing.assert_allclose(solve(game, players, 2**players), by_definition(game, players), atol=1e-10)


def test_one_player_takes_all() -> None:
    values = solve_shapley(
        np.zeros((0, 1), bool), np.zeros(0), np.zeros((0, 2)), np.array([1.0, 2]), np.array([4.0, 2])
    )
    assert values.tolist() == [[3, 0]]


@given(st.integers(2, 12), st.integers(0, 5), st.integers(0, 200))
def test_whatever_was_asked_the_values_add_up(players: int, seed: int, more: int) -> None:
    game = make_game(players, seed)
    values = solve(game, players, min(2 * players + more, 2**players), seed)
    np.testing.assert_allclose(values.sum(axis=0), game[-1] - game[0], atol=1e-8)


@given(st.integers(2, 40), st.integers(0, 300))
def test_coalitions_are_distinct_and_within_the_budget(players: int, more: int) -> None:
    budget = min(2 * players + more, 2**players - 2 if players < 20 else 10**9)
    coalitions, weights = draw_coalitions(players, budget)
    assert 0 < len(coalitions) <= budget
    assert len(np.unique(coalitions, axis=0)) == len(coalitions)
    assert coalitions.sum(axis=1).min() >= 1
    assert coalitions.sum(axis=1).max() < players
    assert weights.min() > 0
    assert weights.sum() == pytest.approx(1)


def test_a_sum_of_players_is_found_from_few_coalitions() -> None:
    worth = np.random.default_rng(1).normal(size=(30, 3))
    coalitions, weights = draw_coalitions(30, budget=80)
    values = solve_shapley(coalitions, weights, coalitions @ worth, np.zeros(3), worth.sum(axis=0))
    np.testing.assert_allclose(values, worth, atol=1e-9)


def test_more_coalitions_come_closer() -> None:
    game = make_game(9, seed=0)
    exact = solve(game, 9, 2**9)
    apart = [np.abs(solve(game, 9, budget) - exact).mean() for budget in (40, 120, 400)]
    assert apart[0] > apart[1] > apart[2]


def test_the_seed_decides_the_draws() -> None:
    one, same, other = (draw_coalitions(20, 60, seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
