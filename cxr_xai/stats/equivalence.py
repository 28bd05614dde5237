"""Are two arms as good as the same? A large p value does not say so; an interval inside the margin does."""

import numpy as np
import numpy.typing as npt

from cxr_xai.stats.intervals import expanded_level, percentile_interval

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def equivalent(replicates: Floats, margin: float, alpha: float = 0.05, patients: npt.ArrayLike = np.inf) -> Flags:
    """Return whether the difference is shown to lie within the margin: two one-sided tests (Schuirmann 1987).

    Both tests reject at ``alpha`` exactly where the ``1 - 2·alpha`` interval lies inside ``(-margin, margin)``.

    Args:
        replicates: ``(B, …)`` bootstrapped differences.
        margin: the largest difference that does not matter, declared before the runs, in units of the metric.
        alpha: error of calling arms equivalent that are not.
        patients: ``(…)`` effective number behind each difference, for `expanded_level`.

    Returns:
        ``(…)`` boolean; False where nothing is defined. False is not "different": it may be both, or neither.

    >>> draws = np.linspace(-0.01, 0.03, 101)[:, None] * [1, 0.1]
    >>> equivalent(draws, margin=0.02).tolist()
    [False, True]
    """
    low, high, _ = percentile_interval(replicates, expanded_level(1 - 2 * alpha, patients))
    inside: Flags = np.asarray((low > -margin) & (high < margin))
    return inside
