import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import rankdata

from cxr_xai.errors import UserError
from cxr_xai.metrics.classification import auroc, brier
from cxr_xai.stats.paired import pair_folds
from cxr_xai.stats.permutation import permutation_p, permutations_needed, permute_arms, require_permutations
from cxr_xai.stats.statistic import METRICS, mean_measure

PATIENTS = np.repeat(np.arange(6), 2)


def two_arms(seeds: int = 1) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    target = np.tile([[1.0], [0.0], [0.0], [1.0]], (3, 1))
    first, second = ([np.round(rng.random((12, 1)), 2) for _ in range(seeds)] for _ in range(2))
    return target, first, second


def swap_all(
    target: np.ndarray, first: list[np.ndarray], second: list[np.ndarray], metric: Callable[..., np.ndarray]
) -> set[float]:
    """Differences of all 2⁶ swaps of whole patients, by the metric itself."""
    found = set()
    for swap in itertools.product([False, True], repeat=6):
        moved = np.array(swap)[PATIENTS][:, None]
        parts = [
            metric(target, np.where(moved, b, a))[0] - metric(target, np.where(moved, a, b))[0]
            for a, b in zip(first, second, strict=True)
        ]
        found.add(round(float(np.mean(parts)), 9))
    return found


@pytest.mark.parametrize("seeds", [1, 2])
def test_brier_under_all_swaps_of_patients(seeds: int) -> None:
    target, first, second = two_arms(seeds)
    drawn = permute_arms(pair_folds(target, first, second, PATIENTS), "brier", 2000, seed=0)
    assert {round(float(d), 9) for d in drawn[:, 0]} == swap_all(target, first, second, brier)


def test_areas_under_all_swaps_are_those_of_ranks() -> None:
    target, first, second = two_arms()
    ranks = [rankdata(arm[0], axis=0) for arm in (first, second)]
    drawn = permute_arms(pair_folds(target, first, second, PATIENTS), "auroc", 2000, seed=0)
    assert {round(float(d), 9) for d in drawn[:, 0]} == swap_all(target, [ranks[0]], [ranks[1]], auroc)
    rescaled = permute_arms(pair_folds(target, [first[0] ** 9], second, PATIENTS), "auroc", 2000, seed=0)
    np.testing.assert_array_equal(rescaled, drawn)


@pytest.mark.parametrize("metric", [*METRICS, mean_measure(2)], ids=[*METRICS, "means"])
def test_equal_arms_do_not_differ_however_they_are_swapped(metric: str) -> None:
    rng = np.random.default_rng(1)
    target, arm = (rng.random((60, 2)) < 0.4).astype(float), rng.random((60, 2))
    drawn = permute_arms(pair_folds(target, [arm], [arm], rng.integers(20, size=60)), metric, 50, seed=0)
    np.testing.assert_allclose(drawn, 0, atol=1e-15)


def test_p_values() -> None:
    permuted = np.column_stack([np.linspace(-1, 1, 99), np.full(99, np.nan)])
    np.testing.assert_allclose(permutation_p([2, 0.5], permuted), [1 / 100, 1])
    assert permutation_p(1.0, permuted[:, 0]) == 3 / 100  # both ends reach it, and the observed is one more
    assert np.isnan(permutation_p(np.nan, permuted[:, 0]))


def test_blocks_continue_the_same_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    folds = pair_folds(*two_arms(), PATIENTS)
    whole = permute_arms(folds, "auroc", 101, seed=0)
    assert len(np.unique(whole)) > 20
    monkeypatch.setattr("cxr_xai.stats.permutation._AT_ONCE", 4 * 6 * 8)
    np.testing.assert_array_equal(permute_arms(folds, "auroc", 101, seed=0), whole)


def test_how_many() -> None:
    assert permutations_needed(14) == 5600
    assert permutations_needed(45, alpha=0.01) == 90_000
    require_permutations(5600, 14)
    with pytest.raises(UserError, match="found 5599 permutations for a family of 14 tests; give at least 5600"):
        require_permutations(5599, 14)
