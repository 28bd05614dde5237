"""Numbers of several subsets at once: equal to each subset alone, drawn together."""

from collections.abc import Callable

import numpy as np
import pytest

from cxr_xai.metrics.classification import auroc
from cxr_xai.metrics.classification import ece as ece_of
from cxr_xai.stats.bootstrap import draw_patient_counts
from cxr_xai.stats.jackknife import leave_one_out
from cxr_xai.stats.subsets import Subsets, auroc_subsets, ece_subsets, ratio_subsets

RANDOM = np.random.default_rng(0)
N, K = 120, 3
TARGET = (RANDOM.random((N, K)) < 0.4).astype(float)
TARGET[:5, 0] = np.nan
SCORE = np.round(RANDOM.random((N, K)) + 0.2 * np.nan_to_num(TARGET), 1)
CODES = RANDOM.integers(0, 40, N)
MASKS = np.stack([np.arange(N) % 3 == g for g in range(2)])
WEIGHTS = draw_patient_counts(np.arange(40), 20, 0)[0]
KNOWN = ~np.isnan(TARGET)


def rates(weights: np.ndarray) -> Subsets:
    return ratio_subsets(np.where(KNOWN, SCORE, 0), KNOWN * 1.0, MASKS, CODES, weights)


def areas(weights: np.ndarray) -> Subsets:
    return auroc_subsets(TARGET, SCORE, MASKS, CODES, weights)


@pytest.mark.parametrize("measure", [rates, areas], ids=["ratio", "auroc"])
def test_replicates_and_left_out_patients_are_weightings(measure: Callable[[np.ndarray], Subsets]) -> None:
    found = measure(WEIGHTS)
    np.testing.assert_allclose(measure(np.ones((1, 40), np.uint8)).drawn[0], found.value)
    by_weight = leave_one_out(lambda weights: measure(weights).drawn, 40)
    np.testing.assert_allclose(found.left_out, by_weight)
    assert found.drawn.shape == (20, 2, K)


def test_each_subset_is_as_it_is_alone() -> None:
    ones = np.ones((1, 40), np.uint8)
    for m, mask in enumerate(MASKS):
        np.testing.assert_allclose(areas(ones).value[m], auroc(TARGET[mask], SCORE[mask]))
        found = ece_subsets(TARGET, SCORE / 2, MASKS, CODES, ones)
        np.testing.assert_allclose(found.value[m], ece_of(TARGET[mask], SCORE[mask] / 2))
        np.testing.assert_allclose(found.drawn[0], found.value)
        assert np.isnan(found.left_out).all()


def test_positives_may_be_held_against_the_negatives_of_all() -> None:
    masks = np.array([[True, True, False, False], [False, False, True, True]])
    target, score = np.array([[1.0], [0.0], [1.0], [0.0]]), np.array([[0.5], [0.6], [0.9], [0.1]])
    codes, weights = np.arange(4), np.ones((1, 4), np.uint8)
    apart = auroc_subsets(target, score, masks, codes, weights).value
    against_all = auroc_subsets(target, score, masks, codes, weights, all_negatives=True).value
    assert apart.ravel().tolist() == [0.0, 1.0]
    assert against_all.ravel().tolist() == [0.5, 1.0]
    positives = masks & (target[:, 0] == 1)  # nobody looked at the negatives
    unknown = auroc_subsets(target, score, positives, codes, weights, all_negatives=True).value
    assert unknown.tolist() == against_all.tolist()


def test_an_empty_subset_is_undefined() -> None:
    nobody = np.zeros((1, N), bool)
    for found in (
        auroc_subsets(TARGET, SCORE, nobody, CODES, WEIGHTS),
        ratio_subsets(np.where(KNOWN, SCORE, 0), KNOWN * 1.0, nobody, CODES, WEIGHTS),
    ):
        assert all(np.isnan(part).all() for part in found)
