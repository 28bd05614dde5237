import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.stats import jackknife
from cxr_xai.stats.jackknife import auroc_jackknife, leave_one_out
from cxr_xai.stats.weighted import auroc_replicates


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0.05, 0.5, 0.95]),
    steps=st.sampled_from([2, 20, 10**6]),
    patients=st.integers(1, 30),
)
def test_closed_form_equals_leaving_out(seed: int, share: float, steps: int, patients: int) -> None:
    rng = np.random.default_rng(seed)
    target, score = (rng.random(60) < share).astype(float), rng.integers(steps, size=60) / steps
    target[rng.random(60) < 0.1] = np.nan
    codes = rng.integers(patients, size=60)
    expected = leave_one_out(lambda w: auroc_replicates(target, score, w, codes), patients)
    np.testing.assert_allclose(auroc_jackknife(target, score, codes, patients), expected, rtol=0, atol=1e-12)


def test_a_patient_without_images_changes_nothing() -> None:
    got = auroc_jackknife([1, 0, 0], [0.5, 0.1, 0.7], np.array([0, 2, 3]), 5)
    np.testing.assert_array_equal(got, [np.nan, 0.5, 0.0, 1.0, 0.5])


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((11, 2))
    whole = leave_one_out(lambda w: w @ values, 11)
    monkeypatch.setattr(jackknife, "_AT_ONCE", 3)
    np.testing.assert_array_equal(leave_one_out(lambda w: w @ values, 11), whole)
    np.testing.assert_allclose(whole, values.sum(axis=0) - values)
