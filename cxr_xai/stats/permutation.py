"""Would the difference be as large if the arms were exchanged at random? Arms are swapped patient by patient."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from cxr_xai.errors import UserError
from cxr_xai.stats.calibration import equal_mass_bins
from cxr_xai.stats.paired import PairedFold
from cxr_xai.stats.statistic import RANKED, Measure, metric_statistic
from cxr_xai.stats.weightings import Floats, Statistic, mean_defined

_AT_ONCE = 2**27  # bytes of swaps that stand in memory together


def permutations_needed(tests: int, alpha: float = 0.05) -> int:
    """Return ``20 · tests / alpha``: the smallest p value is then a twentieth of Holm's first hurdle.

    Args:
        tests: size of the family, findings × contrasts.
        alpha: family-wise error.

    >>> permutations_needed(14)
    5600
    """
    return math.ceil(20 * tests / alpha - 1e-9)


def require_permutations(permutations: int, tests: int, alpha: float = 0.05) -> None:
    """Refuse fewer permutations than a family of tests needs.

    Raises:
        UserError: says how many are needed.
    """
    needed = permutations_needed(tests, alpha)
    if permutations < needed:
        raise UserError(f"found {permutations} permutations for a family of {tests} tests; give at least {needed}")


def permute_arms(folds: Sequence[PairedFold], metric: Measure, permutations: int, seed: int) -> Floats:
    """Return differences between arms whose predictions were swapped patient by patient.

    Each patient's predictions, all images and all seeds at once, change arms with probability one half: under the null
    hypothesis that arms are exchangeable, patients are the independent units and seeds stay whole. Metrics of order
    (AUROC, AUPRC) are taken of ranks within arm, seed and fold, so that another scale of the scores is not a difference
    (Venkatraman & Begg 1996, Biometrika 83:835; Bandos et al. 2005, Stat. Med. 24:2873). For ECE a study keeps the bin
    of its own arm's order.

    Args:
        folds: from `pair_folds`.
        metric: ``auroc auprc brier ece``, ``f1`` where the arms' arrays are decisions (0 or 1), or a measure.
        permutations: ``M``.
        seed: of the swaps; the same for every metric and contrast with the same patients.

    Returns:
        ``(M, K)`` first - second, averaged over seeds and folds as `paired_bootstrap` does.
    """
    parts = []
    for number, fold in enumerate(folds):
        rng = np.random.default_rng((seed, number, 1))
        seeds = [_stacked(metric, fold, *arms) for arms in zip(fold.first, fold.second, strict=True)]
        block = max(1, _AT_ONCE // (4 * fold.patients))
        drawn = []
        for start in range(0, permutations, block):
            swap = rng.integers(0, 2, (min(block, permutations - start), fold.patients), dtype=np.uint8)
            both = np.block([[1 - swap, swap], [swap, 1 - swap]])  # the first arm's weights over the second's
            arms = [statistic(both).reshape(2, len(swap), -1) for statistic in seeds]
            drawn.append(np.stack([arm[0] - arm[1] for arm in arms], axis=-1))
        parts.append(np.concatenate(drawn))
    return mean_defined(np.concatenate(parts, axis=-1))


def permutation_p(observed: npt.ArrayLike, permuted: Floats) -> Floats:
    """Return two-sided p values ``(1 + #{|permuted| ≥ |observed|}) / (1 + M)`` (Phipson & Smyth 2010).

    Args:
        observed: ``(…)`` difference; NaN gives NaN.
        permuted: ``(M, …)``; an undefined one counts as reaching the observed.

    >>> float(permutation_p(0.5, np.array([0.1, -0.6, 0.2, -0.3])))
    0.4
    """
    value = np.asarray(observed, dtype=np.float64)
    less = np.abs(permuted) < np.abs(value) - 1e-12  # sums in another order are no difference
    return np.where(np.isnan(value), np.nan, (1 + (~less).sum(axis=0)) / (1 + len(permuted)))


def _stacked(metric: Measure, fold: PairedFold, first: Floats, second: Floats) -> Statistic:
    """The metric over both arms' predictions, one below the other, as a function of ``(M, 2P)`` weights."""
    target, places = fold.target, None
    if metric in RANKED:
        first, second = _ranks(target, first), _ranks(target, second)
    codes = np.concatenate([fold.codes, fold.codes + fold.patients])
    twice, probs = np.concatenate([target, target]), np.concatenate([first, second])
    if callable(metric):
        return metric(twice, probs, codes)
    if metric == "ece":
        arms = [[equal_mass_bins(*c) for c in zip(target.T, arm.T, strict=True)] for arm in (first, second)]
        places = np.concatenate([np.stack(columns, axis=1) for columns in arms])
    return metric_statistic(metric, twice, probs, codes, np.full(target.shape[1], 0.5), places)


def _ranks(target: Floats, probs: Floats) -> Floats:
    """Midranks of each finding's known studies; NaN where unknown."""
    ranks: Floats = rankdata(np.where(np.isnan(target), np.nan, probs), axis=0, nan_policy="omit")
    return ranks
