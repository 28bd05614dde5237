"""Curves by hand, beside scikit-learn, and thinned."""

import numpy as np
import pytest
from sklearn import metrics

from cxr_xai.metrics.curves import MOST, precision_recall_curve, roc_curve, thin

Y = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
P = np.array([0.9, 0.8, 0.8, 0.3, 0.1])


def test_by_hand_with_equal_scores() -> None:
    third = 1 / 3
    np.testing.assert_allclose(roc_curve(Y, P), [[0, 0], [0, third], [0.5, 2 * third], [0.5, 1], [1, 1]])
    np.testing.assert_allclose(precision_recall_curve(Y, P), [[third, 1], [2 * third, 2 / 3], [1, 3 / 4]])


@pytest.mark.parametrize("y", [np.zeros(3), np.ones(3), np.empty(0)])
def test_one_class_has_no_curve(y: np.ndarray) -> None:
    assert roc_curve(y, np.linspace(0, 1, len(y))).shape == (0, 2)
    assert precision_recall_curve(y, np.linspace(0, 1, len(y))).shape == (0, 2)


def test_thinned_curves_keep_their_area() -> None:
    random = np.random.default_rng(0)
    y = (random.random(5000) < 0.2).astype(np.float64)
    p = np.round(0.3 * y + random.random(5000), 3)
    curve = roc_curve(y, p)
    assert len(curve) <= MOST
    assert curve[0].tolist() == [0, 0]
    assert curve[-1].tolist() == [1, 1]
    area = np.trapezoid(curve[:, 1], curve[:, 0])
    assert area == pytest.approx(metrics.roc_auc_score(y, p), abs=2e-3)
    recall, precision = precision_recall_curve(y, p).T
    assert len(recall) <= MOST
    assert (np.diff(recall) >= 0).all()
    assert recall[-1] == 1
    exact = precision_recall_curve(y, p, most=10**6)
    reference = metrics.precision_recall_curve(y, p)
    assert {*map(tuple, exact.round(9))} <= {*zip(reference[1].round(9), reference[0].round(9), strict=True)}
    assert np.trapezoid(precision, recall) == pytest.approx(np.trapezoid(exact[:, 1], exact[:, 0]), abs=5e-3)


def test_no_corner_is_further_than_a_hundredth() -> None:
    stairs = np.repeat(np.linspace(0, 1, 700), 2)
    curve = np.column_stack([stairs[1:], stairs[:-1]])
    kept = thin(curve)
    assert len(kept) <= MOST
    distance = np.abs(curve[:, None] - kept[None]).max(axis=2).min(axis=1)
    assert distance.max() <= 0.01
