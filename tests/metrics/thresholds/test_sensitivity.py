"""A fixed share of the positives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.metrics.classification import recall
from cxr_xai.metrics.thresholds.sensitivity import FixedSensitivity, reach_sensitivity


def test_nine_of_ten_by_hand() -> None:
    y, p = np.ones(10), np.arange(1, 11) / 10
    assert reach_sensitivity(y, p, 0.9) == 0.2
    assert reach_sensitivity(y, p, 0.91) == 0.1
    assert reach_sensitivity(y, p, 1.0) == 0.1
    assert reach_sensitivity(y, p, 1e-12) == 1.0
    assert reach_sensitivity(np.ones(100), np.arange(1, 101) / 100, 0.29) == 0.72, ".29 of 100 is 29"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), sensitivity=st.floats(0.05, 1))
def test_reached_and_by_no_higher_threshold(seed: int, sensitivity: float) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.random((120, 1)).round(2)
    target = (rng.random((120, 1)) < probs).astype(float)
    [cut] = FixedSensitivity(sensitivity, min_positives=1).choose(target, probs)
    assert cut.at is not None
    assert recall(target, probs, [cut.at])[0] >= sensitivity - 1e-9
    higher = [t for t in np.unique(probs) if t > cut.at]
    assert all(recall(target, probs, [t])[0] < sensitivity for t in higher)


@pytest.mark.parametrize("sensitivity", [0, -0.1, 1.1])
def test_an_impossible_sensitivity_is_refused(sensitivity: float) -> None:
    with pytest.raises(UserError, match=r"threshold\.sensitivity is"):
        FixedSensitivity(sensitivity)
