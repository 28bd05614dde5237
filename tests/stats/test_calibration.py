import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from cxr_xai.metrics.classification import ece
from cxr_xai.stats.calibration import brier_replicates, ece_replicates, equal_mass_bins


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.sampled_from([4, 10**6]))
def test_once_each_is_the_metric(seed: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    target, probs = rng.integers(2, size=70).astype(float), rng.integers(steps + 1, size=70) / steps
    target[3] = np.nan
    known = ~np.isnan(target)
    once = np.ones((1, 70))
    assert ece_replicates(target, probs, once)[0] == pytest.approx(ece(target[:, None], probs[:, None])[0], abs=1e-12)
    expected = brier_score_loss(target[known], probs[known])
    assert brier_replicates(target, probs, once)[0] == pytest.approx(expected, abs=1e-12)


def test_bins_are_of_equal_mass_and_keep_ties_together() -> None:
    probs = np.random.default_rng(0).permutation(np.repeat(np.arange(30) / 30, 2))
    place = equal_mass_bins(np.zeros(60), probs)
    assert np.bincount(place).tolist() == [4] * 15
    assert all(len(set(place[probs == p])) == 1 for p in probs)


def test_weights_by_hand() -> None:
    # bins {.1, .2} and {.8, .9}; weights 2, 1, 1, 0: |2·(.1 - 0) + (.2 - 1)| + |.8 - 1| over 4
    target, probs = [0, 1, 1, 0], [0.1, 0.2, 0.8, 0.9]
    got = ece_replicates(target, probs, np.array([[2, 1, 1, 0], [0, 0, 0, 0]]), bins=2)
    np.testing.assert_allclose(got, [(0.6 + 0.2) / 4, np.nan])
    codes = np.array([0, 0, 1, 1])  # patient 0 thrice: |.1 - .8| over 2, taken thrice
    np.testing.assert_allclose(ece_replicates(target, probs, np.array([[3, 0]]), codes, bins=2), [0.7 / 2])
    np.testing.assert_allclose(brier_replicates(target, probs, np.array([[3, 0]]), codes), [(0.01 + 0.64) / 2])


def test_bins_drawn_anew_would_spread_about_as_much() -> None:
    rng = np.random.default_rng(0)
    probs = rng.random(3000) ** 3
    target = (rng.random(3000) < probs**1.3).astype(float)
    counts = rng.multinomial(3000, np.full(3000, 1 / 3000), size=300)
    fixed = ece_replicates(target, probs, counts)
    anew = [ece(*(np.repeat(v, count)[:, None] for v in (target, probs)))[0] for count in counts]
    assert fixed.std() == pytest.approx(np.std(anew), rel=0.15)
    assert fixed.mean() == pytest.approx(np.mean(anew), rel=0.05)
