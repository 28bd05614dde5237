"""Probabilities as they come."""

import numpy as np

from cxr_xai.metrics.calibration.none import NoCalibration


def test_the_sigmoid_whatever_val_says() -> None:
    logits = np.array([[np.log(3), -np.log(3)], [0.0, 100.0]])
    fitted = NoCalibration().fit(logits, np.ones((2, 2)))
    np.testing.assert_allclose(fitted.apply(logits), [[0.75, 0.25], [0.5, 1.0]])
    assert [curve.rule for curve in fitted.curves] == ["none", "none"]
