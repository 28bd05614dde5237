import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from cxr_xai.errors import UserError
from cxr_xai.stats.average_precision import auprc_replicates


def test_by_hand_with_a_tie_and_weights() -> None:
    # from above: .9 positive (weight 2), then .5 shared by a positive (1) and a negative (3): 2/3·1 + 1/3·3/6
    weights = np.array([[2, 1, 3]])
    assert auprc_replicates([1, 1, 0], [0.9, 0.5, 0.5], weights) == [pytest.approx(2 / 3 + 1 / 6)]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 0.9]), steps=st.sampled_from([3, 20, 10**6]))
def test_equals_scikit_learn(seed: int, share: float, steps: int) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random(80) < share).astype(float)
    target[:2] = 0, 1
    score = rng.integers(steps, size=80) / steps
    counts = rng.integers(0, 4, size=(8, 80))
    counts[:, :2] = 1
    for weights in (counts, counts + 0.25):  # whole numbers take the faster way
        expected = [average_precision_score(target, score, sample_weight=w) for w in weights]
        np.testing.assert_allclose(auprc_replicates(target, score, weights), expected, rtol=0, atol=1e-12)


def test_patient_counts_are_repeated_images() -> None:
    rng = np.random.default_rng(0)
    target, score, codes = rng.integers(2, size=40), rng.integers(9, size=40) / 9, rng.integers(6, size=40)
    counts = rng.multinomial(6, np.full(6, 1 / 6), size=9).astype(np.uint16)
    for value, count in zip(auprc_replicates(target, score, counts, codes), counts, strict=True):
        y, s = np.repeat(target, count[codes]), np.repeat(score, count[codes])
        assert value == pytest.approx(average_precision_score(y, s), abs=1e-12)


def test_what_is_undefined_and_what_is_left_out() -> None:
    assert np.isnan(auprc_replicates([1, 1], [0.1, 0.2], np.ones((2, 2)))).all()
    assert np.isnan(auprc_replicates([0, 0], [0.1, 0.2], np.ones((2, 2)))).all()
    one_sided = auprc_replicates([1, 0, np.nan], [0.1, 0.2, np.nan], np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1]]))
    np.testing.assert_array_equal(one_sided, [np.nan, np.nan, 0.5])
    with pytest.raises(UserError, match="1 scores that are not finite"):
        auprc_replicates([1, 0], [0.5, np.nan], np.ones((1, 2)))
