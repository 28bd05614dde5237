import numpy as np
import pytest

from cxr_xai.stats.weightings import batches, mean_defined, weighted_sums


def test_batches_cover_every_weighting_once_and_small_counts_are_walked_narrow() -> None:
    weights = np.arange(100 * 7, dtype=np.uint16).reshape(100, 7)
    taken = list(batches(weights, 2**13, images=10))
    assert len(taken) == 7  # 16 at a time
    np.testing.assert_array_equal(np.concatenate([drawn.T for _, drawn in taken]), weights)
    assert {drawn.dtype.type for _, drawn in taken} == {np.float32}
    np.testing.assert_array_equal(np.concatenate([np.arange(100)[rows] for rows, _ in taken]), np.arange(100))


@pytest.mark.parametrize(("weights", "images"), [(np.ones((1, 3)), 3), (np.full((1, 3), 2**12, np.int64), 2**11)])
def test_what_could_round_is_walked_wide(weights: np.ndarray, images: int) -> None:
    (_, drawn), *_ = batches(weights, 1, images)
    assert drawn.dtype == np.float64


def test_sums_and_means() -> None:
    table, weights = np.array([[1.0, 10.0], [2.0, 20.0]]), np.array([[1, 0], [3, 2]])
    np.testing.assert_array_equal(weighted_sums(table, weights), [[1, 10], [7, 70]])
    np.testing.assert_array_equal(weighted_sums(table, weights, np.array([1, 1])), [[0, 0], [6, 60]])
    assert weighted_sums(table, np.zeros((0, 2))).shape == (0, 2)
    np.testing.assert_array_equal(mean_defined(np.array([[1, np.nan, 3], [np.nan] * 3])), [2, np.nan])
