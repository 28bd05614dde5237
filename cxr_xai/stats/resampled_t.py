"""t-tests over folds of a cross-validation: the customary one, and one that knows that folds share training data."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]


class FoldTest(NamedTuple):
    """A two-sided t-test of a mean difference over folds.

    Attributes:
        difference: mean over the folds.
        t: statistic; NaN with fewer than 2 folds or without any spread.
        p: two-sided.
        low: lower end of the interval of the difference.
        high: upper end.
        freedom: degrees of freedom, folds - 1.
    """

    difference: float
    t: float
    p: float
    low: float
    high: float
    freedom: int


def paired_t(differences: npt.ArrayLike, level: float = 0.95) -> FoldTest:
    """Return the paired t-test over folds, variance ``s² / k``.

    The training parts of ``k`` folds share ``(k - 2) / (k - 1)`` of their studies, so that differences are not
    independent and the test rejects too often (Dietterich 1998): read `corrected_t` beside it.

    Args:
        differences: ``(k,)`` metric of one arm minus that of the other, fold by fold; NaN folds are left out.
        level: of the interval.

    >>> round(paired_t([0.01, 0.02, 0.03]).p, 3)
    0.074
    """
    return _test(differences, 0.0, level)


def corrected_t(differences: npt.ArrayLike, n_train: float, n_test: float, level: float = 0.95) -> FoldTest:
    """Return the corrected resampled t-test: variance ``(1/k + n_test / n_train) s²``, ``k - 1`` degrees of freedom.

    Nadeau & Bengio (2003, Mach. Learn. 52:239) derived it for repeated random divisions; for k-fold it is a heuristic
    that Bouckaert & Frank (2004) found to hold its level. Where all that is not tested is trained on, the term is
    ``1 / (k - 1)``, for five folds ``1/5 + 1/4``; studies of val are not trained on and make it larger.

    Args:
        differences: ``(k,)`` metric of one arm minus that of the other, fold by fold; NaN folds are left out.
        n_train: studies a fold was trained on, without val (mean over folds).
        n_test: studies a fold was tested on (mean over folds).
        level: of the interval.

    >>> round(corrected_t([0.01, 0.02, 0.03], n_train=200, n_test=100).p, 3)
    0.16
    """
    return _test(differences, n_test / n_train, level)


def _test(differences: npt.ArrayLike, shared: float, level: float) -> FoldTest:
    values = np.asarray(differences, dtype=np.float64)
    values = values[~np.isnan(values)]
    k = len(values)
    mean = float(values.mean()) if k else np.nan
    error = np.sqrt((1 / k + shared) * values.var(ddof=1)) if k > 1 else np.nan
    if not error > 0 or np.ptp(values) == 0:  # also where rounding alone makes a spread
        return FoldTest(mean, np.nan, np.nan, np.nan, np.nan, k - 1)
    statistic, reach = mean / error, student.ppf((1 + level) / 2, k - 1) * error
    p = 2 * float(student.sf(abs(statistic), k - 1))
    return FoldTest(mean, float(statistic), p, float(mean - reach), float(mean + reach), k - 1)
