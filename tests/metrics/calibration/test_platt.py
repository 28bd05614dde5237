"""Slope and intercept per finding."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cxr_xai.metrics.calibration.contract import sigmoid
from cxr_xai.metrics.calibration.platt import Platt, fit_platt, smooth_targets
from cxr_xai.metrics.calibration.temperature import Temperature


def test_targets_are_platts() -> None:
    np.testing.assert_allclose(smooth_targets(np.array([1.0, 1.0, 0.0])), [3 / 4, 3 / 4, 1 / 3])


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -2.0), (2.5, 1.0), (0.01, 0.3)])
def test_planted_lines_come_back(slope: float, intercept: float) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 1.5 / slope, 200_000)
    y = (rng.random(len(z)) < sigmoid(slope * z + intercept)).astype(float)
    found = fit_platt(y, z)
    # about four standard errors of 200,000 studies
    assert found.slope == pytest.approx(slope, rel=0.03)
    assert found.intercept == pytest.approx(intercept, abs=0.04)


def test_agrees_with_a_logistic_regression_on_soft_targets() -> None:
    """A soft target t is a positive of weight t and a negative of weight 1 - t."""
    rng = np.random.default_rng(1)
    z = rng.normal(-2, 3, 500)
    y = (rng.random(500) < sigmoid(0.4 * z - 1)).astype(float)
    t = smooth_targets(y)
    reference = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    reference.fit(np.tile(z, 2)[:, None], np.repeat([1, 0], 500), sample_weight=np.concatenate([t, 1 - t]))
    found = fit_platt(y, z)
    assert found.slope == pytest.approx(reference.coef_[0, 0], abs=1e-5)
    assert found.intercept == pytest.approx(reference.intercept_[0], abs=1e-5)


def test_a_finding_that_val_ranks_the_wrong_way_round_gets_its_prevalence() -> None:
    y = np.repeat([1.0, 0.0], [40, 160])
    found = fit_platt(y, np.where(y == 1, -1.0, 1.0) + np.tile([0.5, -0.5], 100))
    assert found.slope == 0
    assert found.apply(np.array([3.0]))[0] == pytest.approx(smooth_targets(y).mean(), abs=1e-6)


def test_what_val_separates_in_full_stays_below_certainty() -> None:
    y = np.repeat([1.0, 0.0], 100)
    found = fit_platt(y, np.where(y == 1, 100.0, -100.0))
    # the smoothed targets are met: 101/102 and 1/102
    np.testing.assert_allclose(found.apply(np.array([100.0, -100.0])), [101 / 102, 1 / 102], atol=1e-6)


def test_few_of_either_kind_get_the_temperature_of_all() -> None:
    logits = np.random.default_rng(0).normal(size=(200, 3))
    target = np.zeros((200, 3))
    target[:9, 0] = target[:10, 1] = target[:191, 2] = 1
    fitted = Platt().fit(logits, target)
    assert [curve.rule for curve in fitted.curves] == ["temperature", "platt", "temperature"]
    assert fitted.curves[0] == Temperature().fit(logits, target).curves[0]
    assert [curve.rule for curve in Platt(min_support=9).fit(logits, target).curves] == ["platt"] * 3
