"""Any curve that never falls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from cxr_xai.metrics.calibration.contract import Steps, sigmoid
from cxr_xai.metrics.calibration.isotonic import Isotonic, fit_isotonic
from cxr_xai.metrics.classification import ece


def draw(seed: int, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 4, n).round(1)  # with ties
    return (rng.random(n) < sigmoid(z / 3 - 0.5)).astype(float), z


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_agrees_with_scikit_learn(seed: int) -> None:
    y, z = draw(seed)
    reference = IsotonicRegression(out_of_bounds="clip").fit(z, y)
    grid = np.linspace(-20, 20, 401)
    np.testing.assert_allclose(fit_isotonic(y, z).apply(grid), reference.predict(grid), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_on_val_itself_no_calibration_error_is_left(seed: int) -> None:
    """A plateau's probability is its share of positives, and equal probabilities share a bin."""
    y, z = draw(seed)
    after = ece(y[:, None], fit_isotonic(y, z).apply(z)[:, None])[0]
    assert after < 1e-9
    assert after <= ece(y[:, None], sigmoid(z)[:, None])[0]


def test_support_decides_between_isotonic_platt_and_temperature() -> None:
    rng = np.random.default_rng(0)
    target = np.zeros((600, 3))
    target[:200, 0] = target[:199, 1] = target[:9, 2] = 1
    logits = rng.normal(size=(600, 3)) + 2 * target
    fitted = Isotonic().fit(logits, target)
    assert [curve.rule for curve in fitted.curves] == ["isotonic", "platt", "temperature"]
    assert isinstance(fitted.curves[0], Steps)
    assert Isotonic(min_support=9).fit(logits, target).curves[2].rule == "isotonic"


def test_plateaus_tie_studies() -> None:
    curve = fit_isotonic(np.array([0.0, 1.0, 0.0, 1.0]), np.arange(4.0))
    assert curve.apply(np.array([1.0, 2.0])).tolist() == [0.5, 0.5]
    assert curve.apply(np.array([0.5]))[0] == pytest.approx(0.25), "straight between knots"
