"""Imbalance ratios of small tables."""

import numpy as np
import pytest

from cxr_xai.data.balancing.imbalance import imbalance_ratios, minority_findings

NAN = np.nan
RELEASE = (11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227)


def with_positives(*counts: int, rows: int = 60) -> np.ndarray:
    return (np.arange(rows)[:, None] < np.array(counts)).astype(np.float32)


def test_by_hand() -> None:
    targets = with_positives(60, 30, 20, 5)
    assert imbalance_ratios(targets).tolist() == [1, 2, 3, 12]  # the mean is 4.5
    assert minority_findings(targets) == [3]


def test_two_above_the_mean_and_one_upon_it() -> None:
    targets = with_positives(60, 12, 60, 6, 60, 30, 10, 30)
    assert imbalance_ratios(targets).tolist() == [1, 5, 1, 10, 1, 2, 6, 2]  # the mean is 3.5
    assert minority_findings(targets) == [1, 3, 6]
    assert minority_findings(with_positives(60, 30, 20)) == [2]  # the ratio of 2 is the mean: not above it


def test_frequencies_are_over_known_labels() -> None:
    targets = np.array([[1, 1], [1, NAN], [0, NAN], [0, 0]], np.float32)  # two of four, one of two
    assert imbalance_ratios(targets).tolist() == [1, 1]


@pytest.mark.parametrize("value", [0.0, NAN])
def test_a_finding_without_positives_is_undefined_and_left_out_of_the_mean(value: float) -> None:
    targets = with_positives(60, 30, 20, 5, 0)
    targets[:, 4] = value
    np.testing.assert_array_equal(imbalance_ratios(targets), [1, 2, 3, 12, NAN])
    assert minority_findings(targets) == [3]


@pytest.mark.parametrize(
    "targets",
    [np.ones((4, 3)), np.zeros((4, 3)), np.full((4, 3), NAN), np.eye(3), np.ones((4, 1)), np.zeros((0, 3))],
    ids=["always", "never", "unknown", "alike", "one finding", "no study"],
)
def test_no_minority(targets: np.ndarray) -> None:
    assert minority_findings(targets.astype(np.float32)) == []


def test_the_release_has_three() -> None:
    targets = with_positives(*RELEASE, rows=112_120)
    assert minority_findings(targets) == [6, 11, 13]  # Pneumonia, Fibrosis, Hernia
