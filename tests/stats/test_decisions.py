import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from cxr_xai.stats.decisions import f1_replicates


def test_by_hand() -> None:
    # predicted .9 (positive, weight 2) and .5 (negative, 3), missed .4 (positive, 1): 2·2 / (2·2 + 3 + 1)
    assert f1_replicates([1, 0, 1, 0], [0.9, 0.5, 0.4, 0.1], 0.5, np.array([[2, 3, 1, 7]])) == [0.5]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.sampled_from([0.2, 0.5, 0.8]))
def test_equals_scikit_learn(seed: int, cut: float) -> None:
    rng = np.random.default_rng(seed)
    target, probs, codes = rng.integers(2, size=60), rng.integers(11, size=60) / 10, rng.integers(9, size=60)
    weights = rng.integers(0, 3, size=(5, 9))
    weights[:, 0] = 1
    target[0], probs[0], codes[0] = 1, 1, 0
    got = f1_replicates(target, probs, cut, weights, codes)
    np.testing.assert_allclose(got, [f1_score(target, probs >= cut, sample_weight=w[codes]) for w in weights])


@pytest.mark.parametrize(
    ("target", "cut", "expected"),
    [([0, 0], 0.9, np.nan), ([1, 0], 0.9, 0.0), ([1, 0], np.nan, np.nan), ([np.nan, 1], 0.4, 1.0)],
)
def test_ends(target: list[float], cut: float, expected: float) -> None:
    np.testing.assert_array_equal(f1_replicates(target, [0.5, 0.5], cut, np.ones((1, 2))), [expected])
