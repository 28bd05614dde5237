import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import binomtest

from cxr_xai.stats.exact import exact_ends


@pytest.mark.parametrize("units", [1, 7, 300])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_ends_are_clopper_and_pearson(units: int, level: float) -> None:
    for value in (0, 1):
        expected = binomtest(value * units, units).proportion_ci(level, method="exact")
        np.testing.assert_allclose(exact_ends(float(value), units, level), [expected.low, expected.high])


def test_inside_and_without_units_there_is_no_exact_end() -> None:
    low, high = exact_ends([0.5, 0.0, 1.0], [10, 0, 0])
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("units", [2, 5, 80])
def test_half_the_patients_bound_f1(units: int) -> None:
    # J = TP / (TP + FP + FN) is a share of `units`; F1 = 2J / (1 + J)
    for value in (0.0, 1.0):
        j = np.array(exact_ends(value, units))
        low, high = exact_ends(value, units // 2)
        assert low <= (2 * j / (1 + j))[0] + 1e-12
        assert high >= (2 * j / (1 + j))[1] - 1e-12


@pytest.mark.parametrize("area", [0.5, 0.7, 0.9])
def test_a_perfect_sample_is_no_likelier_than_its_disjoint_pairs_all_in_order(area: float) -> None:
    # 6 positive and 9 negative patients: the bound on 6 pairs rests on P(AUROC = 1) ≤ area⁶
    rng = np.random.default_rng(0)
    shift = np.sqrt(2) * ndtri(area)
    perfect = rng.normal(shift, size=(20_000, 6)).min(axis=1) > rng.normal(size=(20_000, 9)).max(axis=1)
    assert perfect.mean() <= area**6
