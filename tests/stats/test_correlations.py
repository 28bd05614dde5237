"""Weighted correlations equal scipy's where all weights are 1, and repeating a patient equals weighting it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata, spearmanr

from cxr_xai.stats.correlations import (
    column_correlations,
    column_lifts,
    partial_spearman,
    rank_rows,
    resample,
    stratified_difference,
)

RNG = np.random.default_rng(0)
ONES = np.ones((1, 40))
CODES = np.arange(40)


def test_columns_equal_scipy() -> None:
    table = RNG.standard_normal((40, 3)) @ RNG.standard_normal((3, 3))
    found = column_correlations(table, CODES)(ONES)[0]
    for a in range(3):
        for b in range(3):
            assert found[a, b] == pytest.approx(pearsonr(table[:, a], table[:, b])[0], abs=1e-10)


def test_lift_by_hand_and_repeating_a_patient_equals_weighting_it() -> None:
    table = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]])
    found = column_lifts(table, np.arange(5))(np.array([[1, 1, 1, 1, 1], [2, 1, 1, 1, 0]]))
    assert found[0, 0, 1] == pytest.approx((2 / 5) / (3 / 5 * 3 / 5))
    assert found[0, 0, 0] == pytest.approx(5 / 3)
    assert np.isnan(found[0, 2]).all()
    again = column_lifts(table[[0, 0, 1, 2, 3]], np.arange(5))(np.ones((1, 5)))
    np.testing.assert_allclose(found[1], again[0])


def test_a_constant_column_is_undefined() -> None:
    found = column_correlations(np.column_stack([np.ones(40), np.arange(40.0)]), CODES)(ONES)[0]
    assert np.isnan(found[0]).all()
    assert found[1, 1] == pytest.approx(1)


def test_one_stratum_equals_spearman() -> None:
    x, y = RNG.standard_normal(40).round(1), RNG.standard_normal(40).round(1)
    found = partial_spearman(x, y, np.zeros(40), CODES)(ONES)
    assert found[0, 0] == pytest.approx(spearmanr(x, y)[0], abs=1e-10)


def test_strata_of_equal_size_equal_ranks_within_them() -> None:
    x, y, strata = RNG.standard_normal(40), RNG.standard_normal(40), np.repeat([0, 1], 20)
    ranks = [np.concatenate([rankdata(v[:20]), rankdata(v[20:])]) for v in (x, y)]
    assert partial_spearman(x, y, strata, CODES)(ONES)[0, 0] == pytest.approx(pearsonr(*ranks)[0], abs=1e-10)


def test_what_differs_between_strata_makes_no_correlation() -> None:
    strata = np.repeat([0, 1], 20)
    x, y = RNG.standard_normal(40) + 10 * strata, RNG.standard_normal(40) + 10 * strata
    assert spearmanr(x, y)[0] > 0.6
    assert abs(partial_spearman(x, y, strata, CODES)(ONES)[0, 0]) < 0.4


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_monotone_change_within_strata_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, strata = rng.standard_normal(40), rng.standard_normal(40), rng.integers(0, 3, 40)
    weights = rng.integers(0, 3, (2, 40))
    one = partial_spearman(x, y, strata, CODES)(weights)
    other = partial_spearman(np.exp(x) + 5 * strata, y**3, strata, CODES)(weights)
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert (np.abs(one[np.isfinite(one)]) <= 1 + 1e-9).all()


def test_undefined_rows_are_left_out() -> None:
    x, y = np.array([1.0, 2, 3, np.nan]), np.array([1.0, 2, 3, -9])
    assert partial_spearman(x, y, np.zeros(4), np.arange(4))(np.ones((1, 4)))[0, 0] == pytest.approx(1)


def test_a_weight_is_a_repetition() -> None:
    table, first, strata = RNG.standard_normal((6, 2)), np.array([1, 0, 1, 0, 1, 0]), np.array([0, 0, 0, 1, 1, 1])
    weighted = stratified_difference(table, first, 1 - first, strata, np.arange(6))(np.array([[2, 1, 1, 1, 1, 1]]))
    again = np.r_[0, np.arange(6)]
    twice = stratified_difference(table[again], first[again], 1 - first[again], strata[again], np.arange(7))
    np.testing.assert_allclose(weighted, twice(np.ones((1, 7))))


def test_the_difference_within_strata_by_hand() -> None:
    values = np.array([[1.0], [0.0], [5.0], [5.0], [3.0]])
    first, strata = np.array([1, 0, 1, 1, 0], bool), np.array([0, 0, 1, 1, 1])
    found = stratified_difference(values, first, ~first, strata, np.arange(5))(np.ones((1, 5)))[0, :, 0]
    # weights 1·1/2 and 2·1/3
    expected = (0.5 * 1 + 2 / 3 * 2) / (0.5 + 2 / 3)
    assert found[2] == pytest.approx(expected)
    assert found[0] - found[1] == pytest.approx(expected)


def test_no_stratum_with_both_is_undefined() -> None:
    first = np.array([True, False])
    assert np.isnan(stratified_difference([[1.0], [2.0]], first, ~first, [0, 1], np.arange(2))(np.ones((1, 2)))).all()


def test_products_of_rank_rows_are_spearmans() -> None:
    a, b = RNG.standard_normal(30).round(1), RNG.standard_normal(30).round(1)
    ranks = rank_rows([a, b])
    assert ranks[0] @ ranks[1] == pytest.approx(spearmanr(a, b)[0])
    assert np.isnan(rank_rows([[1.0, 1.0], [1.0, np.nan]])).all()


def test_the_same_patients_are_drawn_alike() -> None:
    patients = np.repeat(np.arange(20), 2)
    statistic = column_correlations(RNG.standard_normal((40, 2)), patients)
    np.testing.assert_array_equal(resample(statistic, patients, 20)[1], resample(statistic, patients, 20)[1])
