import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.metrics import roc_auc_score

from cxr_xai.stats.coverage import ENOUGH_PATIENTS, SIMULATED, coverage_mark, simulate_coverage, simulate_patients


@pytest.mark.slow
@pytest.mark.parametrize(("area", "lowest"), [(0.8, 0.93), (0.9, 0.92)])
def test_patients_hold_what_is_promised_and_images_do_not(area: float, lowest: float) -> None:
    # 1,000 samples of 100 positive patients, intra-class correlation .5; the standard error of a share is .007.
    # With an area of .9, skewed, percentiles are at the lower edge (.929 of 2,000) and BCa is not.
    held = simulate_coverage(ENOUGH_PATIENTS, simulations=1000, seed=0, area=area, icc=0.5)
    print(held)
    assert lowest <= held.percentile <= 0.97
    assert 0.93 <= held.bca <= 0.97
    assert not lowest <= held.images <= 0.97


@pytest.mark.slow
def test_without_correlation_and_repeats_images_hold_too() -> None:
    held = simulate_coverage(150, simulations=300, seed=1, icc=0.0)
    assert 0.92 <= held.percentile <= 0.98
    assert 0.92 <= held.images <= 0.98


def test_few_simulations_are_repeatable() -> None:
    held = simulate_coverage(20, simulations=10, replicates=100)
    assert held == simulate_coverage(20, simulations=10, replicates=100)
    assert 0 < min(held) <= max(held) <= 1


def test_samples_have_the_area_the_correlation_and_the_images_they_should() -> None:
    y, s, patients = simulate_patients(4000, seed=0, icc=0.5, negative_patients=4000)
    assert roc_auc_score(y, s) == pytest.approx(0.8, abs=0.015)  # standard error .0045
    assert s[y == 0].std() == pytest.approx(1, abs=0.03)
    images = np.bincount(patients)
    assert images.mean() == pytest.approx(3.2, abs=0.1)
    assert images.std() / images.mean() == pytest.approx(1.08, abs=0.05)
    assert len(np.unique(patients[y == 1])) == 4000
    for icc in (0.0, 0.5):
        y, s, patients = simulate_patients(4000, seed=0, icc=icc, negative_patients=4000)
        rest, again = s - np.sqrt(2) * ndtri(0.8) * y, np.diff(patients) == 0
        assert np.corrcoef(rest[1:][again], rest[:-1][again])[0, 1] == pytest.approx(icc, abs=0.05)


def test_marks() -> None:
    assert coverage_mark(100) is None
    assert coverage_mark(99) == SIMULATED["percentile"][75]
    assert coverage_mark(10, "bca") == SIMULATED["bca"][10]
    assert np.isnan(coverage_mark(9))


@pytest.mark.slow
def test_marks_are_what_the_simulation_says() -> None:
    held = simulate_coverage(30, simulations=500, seed=1, area=0.9)  # other samples; standard error .012
    assert held.percentile == pytest.approx(SIMULATED["percentile"][30], abs=0.04)
    assert held.bca == pytest.approx(SIMULATED["bca"][30], abs=0.04)
