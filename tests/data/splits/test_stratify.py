"""The division itself: every column's total is shared out like the fractions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.splits.stratify import stratify_groups


def test_by_hand() -> None:
    # Two rare positives part ways; then each part lacks one of the two plain groups.
    counts = np.array([[1.0, 1], [1, 1], [0, 1], [0, 1]])
    part = stratify_groups(counts, np.array([0.5, 0.5]), seed=0)
    assert sorted(part[:2]) == [0, 1]
    assert sorted(part[2:]) == [0, 1]


def test_a_heavy_group_weighs_what_it_weighs() -> None:
    counts = np.array([[8.0], [1], [1], [1], [1], [1], [1], [1], [1]])
    part = stratify_groups(counts, np.array([0.5, 0.5]), seed=0)
    assert (part[1:] != part[0]).all()


def test_the_input_is_not_changed() -> None:
    counts, fractions = np.ones((5, 2)), np.array([0.5, 0.5])
    stratify_groups(counts, fractions, seed=0)
    assert (counts == 1).all()
    assert (fractions == 0.5).all()


def test_no_groups() -> None:
    assert stratify_groups(np.zeros((0, 3)), np.array([0.5, 0.5]), seed=0).tolist() == []


@settings(max_examples=40, deadline=None)
@given(groups=st.integers(1, 80), seed=st.integers(0, 5), data=st.integers(0, 1000))
def test_every_group_is_placed_and_shares_are_kept(groups: int, seed: int, data: int) -> None:
    random = np.random.default_rng(data)
    counts = np.column_stack([random.random((groups, 3)) < (0.05, 0.2, 0.5), np.ones(groups)]).astype(float)
    fractions = np.array([0.7, 0.15, 0.15])
    part = stratify_groups(counts, fractions, seed)
    assert set(part.tolist()) <= {0, 1, 2}
    shares = np.array([counts[part == number].sum(axis=0) for number in range(3)])
    # The rarest column has first choice: no part gets a whole group more than its share.
    rarest = counts.sum(axis=0).argmin()
    assert (shares[:, rarest] - fractions * counts[:, rarest].sum() < 1 + 1e-9).all()


def test_many_groups_are_within_two_percent() -> None:
    random = np.random.default_rng(0)
    images = random.geometric(0.3, 3000)
    labels = random.binomial(images[:, None], (0.01, 0.05, 0.2))
    counts = np.column_stack([labels, images]).astype(float)
    fractions = np.array([0.7, 0.15, 0.15])
    part = stratify_groups(counts, fractions, seed=0)
    shares = np.array([counts[part == number].sum(axis=0) for number in range(3)]) / counts.sum(axis=0)
    np.testing.assert_allclose(shares, np.tile(fractions[:, None], 4), atol=0.02)


def test_the_seed_matters() -> None:
    first, second = (stratify_groups(np.ones((40, 1)), np.array([0.5, 0.5]), seed).tolist() for seed in (0, 1))
    assert first != second
