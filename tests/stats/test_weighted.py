import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from cxr_xai.errors import UserError
from cxr_xai.stats import weightings
from cxr_xai.stats.weighted import auroc_replicates, mean_replicates


def test_auroc_by_hand_with_ties_and_weights() -> None:
    # positives .8 (weight 2), .5 (1); negatives .5 (3), .1 (1): 2·4 + 1·(1 + 3/2) of 3·4
    assert auroc_replicates([1, 1, 0, 0], [0.8, 0.5, 0.5, 0.1], np.array([[2, 1, 3, 1]])) == [10.5 / 12]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 0.9]), steps=st.sampled_from([3, 20, 10**6]))
def test_weighted_auroc_equals_scikit_learn(seed: int, share: float, steps: int) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random(80) < share).astype(float)
    target[:2] = 0, 1
    score = rng.integers(steps, size=80) / steps - 0.3
    weights = rng.integers(0, 4, size=(5, 80)).astype(float)
    weights[:, :2] = 1
    expected = [roc_auc_score(target, score, sample_weight=w) for w in weights]
    np.testing.assert_allclose(auroc_replicates(target, score, weights), expected, rtol=0, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_patient_weights_equal_repeated_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, score, codes = rng.integers(2, size=40), rng.integers(9, size=40) / 9, rng.integers(6, size=40)
    counts = rng.multinomial(6, np.full(6, 1 / 6), size=4).astype(np.uint16)
    for value, count in zip(auroc_replicates(target, score, counts, codes), counts, strict=True):
        y, s = np.repeat(target, count[codes]), np.repeat(score, count[codes])
        if 0 < y.sum() < len(y):
            expected = mannwhitneyu(s[y == 1], s[y == 0]).statistic / (y.sum() * (1 - y).sum())
            assert value == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(value)


def test_unknown_targets_are_left_out_and_bad_scores_said() -> None:
    once = np.ones((1, 4))
    assert auroc_replicates([1, 0, np.nan, 0], [0.5, 0.4, np.nan, 0.6], once) == [0.5]
    with pytest.raises(UserError, match="1 scores that are not finite"):
        auroc_replicates([1, 0, 1, 0], [0.5, np.nan, 0.1, 0.6], once)


@pytest.mark.parametrize("target", [[1, 1], [0, 0], [np.nan, np.nan]])
def test_one_sided_targets_are_undefined(target: list[float]) -> None:
    assert np.isnan(auroc_replicates(target, [0.1, 0.2], np.ones((3, 2)))).all()


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    target, score, weights = rng.integers(2, size=50), rng.random(50), rng.integers(3, size=(31, 50))
    groups, codes = rng.integers(3, size=50), np.arange(50)
    whole = auroc_replicates(target, score, weights), mean_replicates(score[:, None], groups, weights, codes, 3)
    monkeypatch.setattr(weightings, "_CHUNK", 200)
    np.testing.assert_array_equal(auroc_replicates(target, score, weights), whole[0])
    np.testing.assert_allclose(mean_replicates(score[:, None], groups, weights, codes, 3), whole[1], rtol=1e-14)


def test_means_equal_numpy_average() -> None:
    rng = np.random.default_rng(0)
    values, groups, codes = rng.random((30, 2)), rng.integers(2, size=30), rng.integers(5, size=30)
    weights = rng.integers(0, 3, size=(4, 5))
    got = mean_replicates(values, groups, weights, codes, 2)
    for b in range(4):
        for f in range(2):
            rows = groups == f
            expected = np.average(values[rows], axis=0, weights=weights[b, codes[rows]])
            np.testing.assert_allclose(got[b, f], expected)
