"""The share of positives as the loader serves them and as the loss meets them."""

import numpy as np
import pytest
import torch

from cxr_xai.data.balancing.plan import BalancePlan, count_served, drawn_prevalence, seen_prevalence
from cxr_xai.data.balancing.synthetic import Synthetic
from cxr_xai.data.sampling import EpochSampler

NAN = np.nan
TARGETS = np.array([[1, NAN, 0], [0, NAN, 0], [NAN, NAN, 0], [0, NAN, 1]], np.float32)
BLENDS = Synthetic(np.zeros(2, np.int64), np.ones((2, 1), np.int64), np.array([[1, NAN, NAN], [1, NAN, 0]], np.float32))


def test_over_known_labels() -> None:
    np.testing.assert_allclose(seen_prevalence(TARGETS, BalancePlan()), [1 / 3, 0.5, 1 / 4])
    np.testing.assert_allclose(drawn_prevalence(TARGETS, BalancePlan()), [1 / 3, NAN, 1 / 4])


def test_draws_and_weights_both_count_for_the_loss() -> None:
    plan = BalancePlan(torch.tensor([2.0, 1.0, 1.0]), np.array([3.0, 1.0, 1.0, 1.0]))
    # Finding 0: positives 3 × 2 against 1 + 1; finding 2: 1 against 5.
    np.testing.assert_allclose(seen_prevalence(TARGETS, plan), [6 / 8, 0.5, 1 / 6])
    np.testing.assert_allclose(drawn_prevalence(TARGETS, plan), [3 / 5, NAN, 1 / 6])


def test_synthetic_studies_come_once_beside_the_real_ones() -> None:
    plan = BalancePlan(synthetic=BLENDS)
    np.testing.assert_allclose(count_served(TARGETS, plan), [[3, 0, 1], [2, 0, 4]])
    np.testing.assert_allclose(drawn_prevalence(TARGETS, plan), [3 / 5, NAN, 1 / 5])
    np.testing.assert_allclose(seen_prevalence(TARGETS, plan), [3 / 5, 0.5, 1 / 5])


@pytest.mark.parametrize("scale", [0.01, 1.0, 70.0])
def test_draws_are_as_many_as_studies_whatever_their_scale(scale: float) -> None:
    plan = BalancePlan(draw_weights=scale * np.array([3.0, 1.0, 1.0, 1.0]), synthetic=BLENDS)
    # Four draws, half of them of study 0.
    np.testing.assert_allclose(count_served(TARGETS, plan), [[2 + 2, 0, 2 / 3], [4 / 3, 0, 10 / 3 + 1]])


def test_what_is_expected_is_what_the_sampler_draws() -> None:
    random = np.random.default_rng(0)
    targets = (random.random((5000, 3)) < (0.02, 0.1, 0.4)).astype(np.float32)
    weights = random.random(5000) + 5 * targets[:, 0]
    drawn = targets[list(EpochSampler(5000, True, weights))].mean(axis=0)
    expected = drawn_prevalence(targets, BalancePlan(draw_weights=weights))
    assert np.abs(drawn - expected).max() < 0.03  # four standard errors of 5,000 draws
    assert expected[0] > 4 * targets[:, 0].mean()
