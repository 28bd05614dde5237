"""Values with their intervals, nested as they came."""

import numpy as np
import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.estimates import count_patients, estimates, require_replicates

DRAWN = np.random.default_rng(0).standard_normal((2000, 2, 3))


def test_they_are_nested_as_the_values_and_bounded_by_percentiles() -> None:
    found = estimates(np.zeros((2, 3)), DRAWN)
    assert [len(row) for row in found] == [3, 3]
    assert found[1][2]["value"] == 0
    low, high = np.percentile(DRAWN[:, 1, 2], [2.5, 97.5])
    assert found[1][2]["low"] == pytest.approx(low, abs=0.05)
    assert found[1][2]["high"] == pytest.approx(high, abs=0.05)


def test_few_patients_widen() -> None:
    many, few = (estimates(0.0, DRAWN[:, 0, 0], patients) for patients in (1000, 4))
    assert few["high"] - few["low"] > 1.2 * (many["high"] - many["low"])


def test_undefined_stays_undefined() -> None:
    assert np.isnan(list(estimates(np.nan, np.full(10, np.nan)).values())).all()


def test_patients_are_counted_as_equal_ones() -> None:
    assert count_patients(["a", "b", "c"]) == 3
    assert count_patients(["a", "a", "b", "b"]) == 2
    assert count_patients(["a", "a", "b"], np.array([False, True, True])) == 2


def test_p_values_that_would_be_too_coarse_are_refused() -> None:
    require_replicates(1600, 4, "statements")
    with pytest.raises(UserError, match=r"bootstrap=1599: .* 4 statements need 1600"):
        require_replicates(1599, 4, "statements")
