"""Nearest neighbors by hand, against all distances, and against imbalanced-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from imblearn.over_sampling import SMOTE

from cxr_xai.data.balancing.neighbors import nearest_in_bag


def test_by_hand() -> None:
    line = np.array([[0.0], [1.0], [3.0], [7.0]], np.float32)
    assert nearest_in_bag(line, 2).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]


@pytest.mark.parametrize("d", [2, 64])
def test_equal_to_sorting_all_distances(d: int) -> None:
    points = np.random.default_rng(d).normal(size=(80, d)).astype(np.float32)
    distances = np.linalg.norm(points[:, None].astype(np.float64) - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(nearest_in_bag(points, 5), distances.argsort(axis=1)[:, :5])


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(2, 20), st.integers(1, 20)), elements=st.integers(0, 2)),
    st.integers(1, 8),
)
def test_never_itself_and_never_twice_also_among_twins(points: np.ndarray, k: int) -> None:
    found = nearest_in_bag(points, k)
    assert found.shape == (len(points), min(k, len(points) - 1))
    for row, neighbors in enumerate(found):
        assert row not in neighbors
        assert len(set(neighbors)) == len(neighbors)
        assert ((neighbors >= 0) & (neighbors < len(points))).all()


def test_samples_of_imbalanced_learn_lie_between_a_base_and_one_of_these_neighbors() -> None:
    """Its SMOTE knows one label a study, so it can only stand beside one bag: all others are its majority."""
    random = np.random.default_rng(0)
    bag, others = random.normal(size=(30, 8)), random.normal(size=(90, 8))
    sampled, _ = SMOTE(k_neighbors=4, random_state=0).fit_resample(np.concatenate([bag, others]), np.arange(120) < 30)
    made = sampled[120:]
    base = np.repeat(np.arange(30), 4)
    steps = bag[nearest_in_bag(bag.astype(np.float32), 4).ravel()] - bag[base]
    away = made[:, None] - bag[base]
    weight = (away * steps).sum(axis=2) / (steps**2).sum(axis=1)
    miss = np.linalg.norm(away - weight[:, :, None] * steps, axis=2)
    on_segment = (miss < 1e-9) & (weight >= 0) & (weight < 1)
    assert len(made) == 60
    assert on_segment.any(axis=1).all()
