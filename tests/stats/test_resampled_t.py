import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from cxr_xai.stats.resampled_t import corrected_t, paired_t

FIRST, SECOND = np.array([0.81, 0.80, 0.83, 0.79, 0.82]), np.array([0.80, 0.80, 0.81, 0.78, 0.79])


def test_paired_t_is_that_of_scipy() -> None:
    result, reference = paired_t(FIRST - SECOND), ttest_rel(FIRST, SECOND)
    ends = reference.confidence_interval()
    got = [result.t, result.p, result.low, result.high]
    np.testing.assert_allclose(got, [reference.statistic, reference.pvalue, ends.low, ends.high])
    assert result.freedom == 4


def test_correction_of_five_folds_by_hand() -> None:
    d = FIRST - SECOND
    result = corrected_t(d, n_train=64_000, n_test=20_000)  # 16,000 of val are not trained on
    expected = d.mean() / np.sqrt((1 / 5 + 20 / 64) * d.var(ddof=1))
    assert result.t == pytest.approx(expected)
    assert result.p == pytest.approx(2 * t.sf(expected, 4))
    assert result.p > paired_t(d).p
    # all that is not tested is trained on: 1/5 + 1/4
    assert corrected_t(d, 4, 1).t == pytest.approx(paired_t(d).t * np.sqrt((1 / 5) / (1 / 5 + 1 / 4)))


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, np.nan], [0.1, 0.1, 0.1]])
def test_without_spread_there_is_no_test(differences: list[float]) -> None:
    result = paired_t(differences)
    assert np.isnan([result.t, result.p, result.low, result.high]).all()
    assert np.isnan(corrected_t(differences, 4, 1).p)


def test_undefined_folds_are_left_out() -> None:
    assert paired_t([0.1, np.nan, 0.3, 0.2]) == paired_t([0.1, 0.3, 0.2])
