"""Probabilities under another prevalence."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.metrics.calibration.contract import sigmoid
from cxr_xai.metrics.classification import ece
from cxr_xai.metrics.prior_shift import estimate_prevalence, find_prior, shift_prior, shift_table

NAN = np.nan
Floats = npt.NDArray[np.float64]


def draw(prevalence: float, prior: float, n: int, seed: int, apart: float = 2.0) -> tuple[Floats, Floats]:
    """Films whose score is normal around ±apart/2; probabilities that are right where prevalence is ``prior``."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, 1)) < prevalence).astype(float)
    score = rng.normal(apart * (y - 0.5))
    return y, sigmoid(apart * score + np.log(prior / (1 - prior)))


def test_odds_are_multiplied() -> None:
    # prior odds 1/4 become 1: odds of 1/4 become 1, odds of 1 become 4
    np.testing.assert_allclose(shift_prior([[0.2], [0.5]], [0.2], [0.5]), [[0.5], [0.8]])
    np.testing.assert_allclose(shift_prior([[0.2], [0.5]], [0.3], [0.3]), [[0.2], [0.5]])
    np.testing.assert_array_equal(shift_prior([[0.0], [1.0]], [0.3], [0.9]), [[0.0], [1.0]])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), prevalence=st.floats(0.05, 0.9), prior=st.floats(0.05, 0.9), apart=st.floats(0.5, 3))
def test_the_root_is_where_expectation_maximization_rests(
    seed: int, prevalence: float, prior: float, apart: float
) -> None:
    _, p = draw(prevalence, prior, 400, seed, apart)
    [found] = estimate_prevalence(p, [prior])
    assert np.mean(shift_prior(p, [prior], [found])) == pytest.approx(found, abs=1e-7), "a fixed point"
    current = prior
    for _ in range(3000):  # the two steps of Saerens et al., as published
        current = float(np.mean(shift_prior(p, [prior], [current])))
    assert current == pytest.approx(found, abs=1e-3)


def test_a_planted_prevalence_is_found_and_its_error_goes() -> None:
    target, p = draw(prevalence=0.4, prior=0.1, n=40_000, seed=0)
    table = shift_table(target, p, [0.1], ("Mass",)).loc["Mass"]
    assert table["estimated_prevalence"] == pytest.approx(0.4, abs=0.01)
    assert ece(target, p)[0] > 0.15
    assert table["ece_shifted"] < 0.01
    assert table["prior"] == 0.1


def test_a_prior_that_val_does_not_give_back_is_none() -> None:
    target, p = draw(prevalence=0.2, prior=0.2, n=40_000, seed=2)
    hot = sigmoid(3 * np.log(p / (1 - p)))
    both = np.concatenate([target, target, np.full_like(target, NAN), np.zeros_like(target)], axis=1)
    prior = find_prior(both, np.concatenate([p, hot, p, p], axis=1))
    np.testing.assert_allclose(prior, [target.mean(), NAN, NAN, NAN])


def test_where_nothing_shifted_nothing_is_corrected() -> None:
    _, p = draw(prevalence=0.2, prior=0.2, n=40_000, seed=1)
    assert estimate_prevalence(p, [0.2])[0] == pytest.approx(0.2, abs=0.01)


def test_it_fails_where_probabilities_were_not_calibrated() -> None:
    """The stated limit: temperature 3 is taken for another prevalence."""
    _, p = draw(prevalence=0.2, prior=0.2, n=40_000, seed=2)
    hot = sigmoid(3 * np.log(p / (1 - p)))
    assert abs(estimate_prevalence(hot, [0.2])[0] - 0.2) > 0.02


@pytest.mark.parametrize("prior", [0.0, 1.0, NAN])
def test_no_prior_no_correction(prior: float) -> None:
    table = shift_table([[1], [0]], [[0.2], [0.1]], [prior], ("Mass",)).loc["Mass"]
    assert table[["estimated_prevalence", "ece_shifted", "brier_shifted"]].isna().all()


def test_certain_probabilities_are_no_trouble() -> None:
    assert estimate_prevalence([[1.0], [0.0], [0.0], [0.0]], [0.5])[0] == pytest.approx(0.25)
    assert estimate_prevalence([[0.0], [0.0]], [0.5])[0] == pytest.approx(0, abs=1e-8)
    assert estimate_prevalence([[1.0], [1.0]], [0.5])[0] == pytest.approx(1, abs=1e-8)
    assert np.isfinite(shift_table([[1], [1]], [[1.0], [1.0]], [0.5], ("Mass",)).to_numpy()).all()


def test_what_tells_nothing_keeps_its_probabilities() -> None:
    """All films look alike: any prevalence explains them."""
    p = np.full((10, 1), 0.3)
    found = estimate_prevalence(p, [0.3])
    assert 0 < found[0] < 1
