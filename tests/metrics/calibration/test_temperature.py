"""One temperature over all findings."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from cxr_xai.metrics.calibration.contract import Line, sigmoid
from cxr_xai.metrics.calibration.temperature import Temperature, fit_temperature


def test_logits_that_were_scaled_by_two_come_back() -> None:
    """Of studies at probability p exactly the share p is positive, so that T = 1 fits before scaling."""
    shares = np.array([0.1, 0.2, 0.5, 0.8])
    y = np.concatenate([np.arange(10) < round(10 * share) for share in shares]).astype(float)
    z = np.repeat(np.log(shares / (1 - shares)), 10)
    assert fit_temperature(y, z) == pytest.approx(1, abs=1e-9)
    assert fit_temperature(y, 2 * z) == pytest.approx(2, abs=1e-9)
    fitted = Temperature().fit(2 * z.reshape(-1, 4), y.reshape(-1, 4))
    assert {curve.rule for curve in fitted.curves} == {"temperature"}
    np.testing.assert_allclose(fitted.apply(2 * z.reshape(-1, 4)), sigmoid(z.reshape(-1, 4)), atol=1e-9)


def test_no_other_temperature_has_less_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(-1, 2, 3000)
    y = (rng.random(3000) < sigmoid(z / 1.7 + 0.3)).astype(float)

    def entropy(log_t: float) -> float:
        return float(np.mean(np.logaddexp(0, (1 - 2 * y) * z * np.exp(-log_t))))

    reference = minimize_scalar(entropy, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    assert np.log(fit_temperature(y, z)) == pytest.approx(reference.x, abs=1e-5)


def test_one_temperature_weighs_findings_by_their_known_labels() -> None:
    # the second finding is known in 5 studies only: 4 of 5 right at logits of ±2
    logits = np.full((10, 2), 2.0)
    target = np.full((10, 2), np.nan)
    target[:, 0] = 1, 1, 1, 1, 1, 1, 0, 0, 0, 0
    target[:5, 1] = 1, 1, 1, 1, 0
    # 10 of 15 in all: sigmoid(2 / T) = 2/3
    fitted = Temperature().fit(logits, target)
    assert fitted.curves == (fitted.curves[0],) * 2
    assert fitted.apply(logits)[0] == pytest.approx(2 / 3)


def test_ends_are_kept_where_there_is_no_minimum() -> None:
    z = np.array([1.0, -1.0])
    assert fit_temperature(np.array([1.0, 0.0]), z) == 1 / 20, "separated in full"
    assert fit_temperature(np.array([0.0, 1.0]), z) == 20, "the wrong way round"
    assert fit_temperature(np.array([0.0, 1.0]), np.zeros(2)) == 20


def test_one_kind_of_label_fits_nothing() -> None:
    assert Temperature().fit([[1.0], [2.0]], [[1.0], [1.0]]).curves == (Line(),)
