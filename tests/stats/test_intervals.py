import numpy as np
import pytest
from scipy.stats import bootstrap
from scipy.stats import t as student

from cxr_xai.stats.intervals import bca_interval, interval, percentile_interval
from cxr_xai.stats.jackknife import leave_one_out


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_bca_agrees_with_scipy_on_the_same_replicates(level: float) -> None:
    values = np.random.default_rng(0).exponential(size=40)
    reference = bootstrap((values,), np.mean, confidence_level=level, n_resamples=3000, rng=np.random.default_rng(1))
    draws = reference.bootstrap_distribution
    left_out = leave_one_out(lambda w: (w @ values) / w.sum(axis=1), 40)
    low, high, undefined = bca_interval(values.mean(), draws, left_out, level)
    np.testing.assert_allclose([low, high], reference.confidence_interval, rtol=1e-12)
    assert undefined == 0
    percentile = percentile_interval(draws, level)
    assert low > percentile.low  # the mean of exponentials is skewed
    assert high > percentile.high


def test_undefined_replicates_are_left_out_and_counted() -> None:
    draws = np.random.default_rng(0).normal(size=(500, 2))
    holes = np.vstack([draws, np.full((20, 2), np.nan)])
    left_out = np.random.default_rng(1).normal(size=(30, 2))
    with_holes = interval(np.zeros(2), holes, np.vstack([left_out, [[np.nan, np.nan]]]))
    np.testing.assert_allclose(with_holes[:2], interval(np.zeros(2), draws, left_out)[:2])
    assert with_holes.undefined.tolist() == [20, 20]
    nothing = interval([np.nan, 0.0], np.full((9, 2), np.nan), np.full((3, 2), np.nan))
    assert np.isnan(nothing[:2]).all()


def test_a_value_beyond_all_replicates_is_reflected_and_stays_in_its_interval() -> None:
    draws = np.linspace(0.2, 0.4, 201)
    low, high, _ = bca_interval(0.1, draws, np.zeros(5), level=0.9)
    np.testing.assert_allclose([low, high], [0.2 - 0.39, 0.2 - 0.21])
    low, high, _ = interval(0.1, draws, np.zeros(5), level=0.9)
    np.testing.assert_allclose([low, high], [0.2 - 0.39, 0.1])


def test_percentiles_moved_beyond_the_last_replicate_are_reflected() -> None:
    draws = np.append(np.linspace(0.2, 0.4, 398), [0.05, 0.06])  # 2 of 400 below the value: moved by z = −2.6 twice
    low, high, _ = bca_interval(0.1, draws, np.zeros(5))
    np.testing.assert_allclose([low, high], 0.2 - np.quantile(draws, [0.975, 0.025]))


def test_scores_have_no_end_out_of_their_range() -> None:
    """All replicates lie below the value, so their percentiles are reflected about it, past 1."""
    drawn = np.linspace(0.6, 1.0, 101)
    free = interval(1.0 - 1e-9, drawn)
    bounded = interval(1.0 - 1e-9, drawn, units=30)
    assert float(free.high) > 1.0
    assert (float(bounded.low), float(bounded.high)) == (float(free.low), 1.0)
    assert float(interval(1e-9, 1 - drawn, units=30).low) == 0.0
    assert interval(1.0 - 1e-9, drawn, units=np.nan).high == free.high, "a difference has no such range"


def test_ends_are_exact_only_where_all_replicates_agree() -> None:
    draws = np.column_stack([np.ones(50), np.zeros(50), np.linspace(0, 0.1, 50), np.ones(50)])
    low, high, _ = interval([1.0, 0.0, 0.0, 1.0], draws, kind="percentile", units=[20, 20, 20, np.nan])
    reach = 0.025 ** (1 / 20)
    np.testing.assert_allclose(low[[0, 1, 3]], [reach, 0, 1])
    np.testing.assert_allclose(high[[0, 1, 3]], [1, 1 - reach, 1])
    assert 0 == low[2] < high[2] < 0.1, "no width to make up for, and the value is inside"


def test_few_patients_get_the_interval_of_students_t() -> None:
    # means of 8 normal values: the bootstrap is normal with variance (n - 1) / n · s² / n
    rng = np.random.default_rng(0)
    values = rng.normal(size=8)
    draws = values.mean() + values.std() / np.sqrt(8) * rng.normal(size=400_000)
    low, high, _ = interval(values.mean(), draws, kind="percentile", patients=8)
    expected = student.interval(0.95, 7, values.mean(), values.std(ddof=1) / np.sqrt(8))
    np.testing.assert_allclose([low, high], expected, atol=0.02)
    two, many = interval([0.0, 0.0], np.column_stack([draws, draws]), kind="percentile", patients=[2, 10**6])[:2]
    assert two[0] < two[1]
    assert many[0] > many[1]


def test_wild_skew_and_hardly_any_patients_still_give_ends() -> None:
    draws = np.random.default_rng(0).exponential(size=300)
    skewed = np.append(np.zeros(9), 100.0)
    low, high, _ = interval(0.7, draws, -skewed, patients=2)
    assert draws.min() <= low < high == pytest.approx(draws.max())
