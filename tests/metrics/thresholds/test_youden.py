"""The best sum of sensitivity and specificity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.metrics.classification import recall, specificity
from cxr_xai.metrics.thresholds.youden import Youden, best_youden


def test_by_hand() -> None:
    # at .6: 2/3 + 3/3 - 1; at .2: 3/3 + 2/3 - 1, the same; the higher is taken
    y, p = np.array([1.0, 1, 0, 1, 0, 0]), np.array([0.8, 0.6, 0.5, 0.2, 0.1, 0.1])
    assert best_youden(y, p) == 0.6
    assert best_youden(1 - y, p) == 0.1, "ranked the wrong way round: predicting all is as good as it gets"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_other_threshold_has_a_better_sum_on_val(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.random((120, 1)).round(2)
    target = (rng.random((120, 1)) < probs).astype(float)
    [cut] = Youden(min_positives=10).choose(target, probs)

    def total(at: float | None) -> float:
        return float((recall(target, probs, [at]) + specificity(target, probs, [at]))[0])

    assert total(cut.at) == pytest.approx(max(total(t) for t in np.unique(probs)))
