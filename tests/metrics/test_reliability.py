"""What was said beside what came true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.metrics.reliability import bin_by_mass


def test_by_hand() -> None:
    bins = bin_by_mass([0, 1, 1, 1], [0.1, 0.3, 0.8, 0.6], bins=2)
    assert bins.counts.tolist() == [2, 2]
    np.testing.assert_allclose(bins.said, [0.2, 0.7])
    np.testing.assert_allclose(bins.came_true, [0.5, 1.0])
    assert bins.error == pytest.approx(0.5 * 0.3 + 0.5 * 0.3)


def test_equal_probabilities_share_a_bin() -> None:
    bins = bin_by_mass([0, 1, 0, 1, 1], [0.5, 0.5, 0.5, 0.5, 0.9], bins=5)
    assert bins.counts.tolist() == [4, 1]
    assert bins.came_true.tolist() == [0.5, 1.0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 200))
def test_bins_hold_every_study_once_and_rise(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.random(n).round(2)
    y = (rng.random(n) < p).astype(float)
    bins = bin_by_mass(y, p)
    assert bins.counts.sum() == n
    assert bins.counts.min() >= 1
    assert len(bins.counts) <= 15
    assert (np.diff(bins.said) > 0).all()
    assert bins.counts @ bins.came_true == pytest.approx(y.sum())
    order = rng.permutation(n)
    assert bin_by_mass(y[order], p[order]).error == pytest.approx(bins.error)


def test_no_study_no_bin() -> None:
    bins = bin_by_mass([], [])
    assert len(bins.counts) == 0
    assert np.isnan(bins.error)
