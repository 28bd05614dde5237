import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from cxr_xai.stats.corrections import benjamini_hochberg, holm


def test_holms_own_steps() -> None:
    # ascending .01·4, .02·3, .03·2, .5·1, made monotone
    np.testing.assert_allclose(holm([[0.03, 0.5], [0.01, 0.02]]), [[0.06, 0.5], [0.04, 0.06]])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_between_uncorrected_and_bonferroni_and_in_order(p: list[float]) -> None:
    values, adjusted = np.array(p), holm(p)
    assert (adjusted >= values).all()
    assert (adjusted <= np.minimum(1, len(p) * values)).all()
    assert (np.diff(adjusted[np.argsort(values, kind="stable")]) >= 0).all()
    assert (adjusted >= false_discovery_control(values) - 1e-12).all()  # stricter than Benjamini–Hochberg


def test_the_undefined_is_no_member() -> None:
    np.testing.assert_allclose(holm([0.02, np.nan, 0.01]), [0.02, np.nan, 0.02])
    assert np.isnan(holm([np.nan])).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_is_scipys(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg([*p, np.nan])[:-1], false_discovery_control(p), rtol=1e-12)
    assert np.isnan(benjamini_hochberg([np.nan])).all()
