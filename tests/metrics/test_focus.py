"""Focus of maps, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cxr_xai.metrics.focus import gini, half_area

ONE = np.zeros((4, 4))
ONE[1, 2] = 3.0


def test_one_cell_and_an_even_map() -> None:
    assert gini(ONE) == pytest.approx(15 / 16)
    assert half_area(ONE) == pytest.approx(1 / 32)
    assert gini(np.ones((4, 4))) == pytest.approx(0)
    assert half_area(np.ones((4, 4))) == pytest.approx(0.5)


def test_two_levels_by_hand() -> None:
    two = np.array([[3.0, 1.0]])
    assert gini(two) == pytest.approx(0.25)  # (3 - 1) / (2 * 4)
    assert half_area(two) == pytest.approx((2 / 3) / 2)  # 2 of the 3 in the first cell make half of 4


@pytest.mark.parametrize("dead", [np.zeros((2, 2)), -np.ones((2, 2)), np.full((2, 2), np.nan)])
def test_dead_maps_have_no_focus(dead: np.ndarray) -> None:
    assert np.isnan(gini(dead))
    assert np.isnan(half_area(dead))


@given(arrays(np.float64, (3, 4, 4), elements=st.floats(0.01, 10)), st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_scale_and_order_do_not_matter(maps: np.ndarray, factor: float) -> None:
    for measure in (gini, half_area):
        value = measure(maps)
        np.testing.assert_allclose(measure(maps * factor), value, atol=1e-9)
        np.testing.assert_allclose(measure(maps[:, ::-1, ::-1]), value, atol=1e-9)
    assert ((gini(maps) >= -1e-12) & (gini(maps) <= 15 / 16)).all()
    assert ((half_area(maps) > 0) & (half_area(maps) <= 0.5 + 1e-9)).all()
