"""The best F1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.metrics.classification import f1
from cxr_xai.metrics.thresholds.f1 import BestF1, best_f1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_other_threshold_has_a_better_f1_on_val(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.random((120, 1)).round(2)
    target = (rng.random((120, 1)) < probs).astype(float)
    [cut] = BestF1(min_positives=10).choose(target, probs)
    tried = [f1(target, probs, [t])[0] for t in np.unique(probs)]
    assert f1(target, probs, [cut.at])[0] == pytest.approx(max(tried))


def test_of_equals_the_one_that_predicts_least() -> None:
    # at .9: 2·1/(2+0+1) = 2/3; at .3: 2·2/(4+2+0) = 2/3
    assert best_f1(np.array([1.0, 0, 0, 1]), np.array([0.9, 0.5, 0.4, 0.3])) == 0.9
