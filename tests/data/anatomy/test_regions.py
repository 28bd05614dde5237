"""Regions are a partition, and shares of evidence add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cxr_xai.data.anatomy.regions import (
    HEART,
    LUNGS,
    MEDIASTINUM,
    OUTSIDE,
    PLAUSIBLE,
    REGIONS,
    compose_regions,
    region_areas,
    region_shares,
)
from cxr_xai.findings import FINDINGS

MASK = arrays(bool, (8, 6))


@given(st.tuples(MASK, MASK, MASK, MASK, MASK))
@settings(max_examples=50, deadline=None)
def test_every_pixel_has_one_region(masks: tuple[np.ndarray, ...]) -> None:
    right, left, heart, mediastinum, _ = masks
    labels = compose_regions(*masks, level=np.arange(8)[:, None])
    assert ((labels >= 0) & (labels < len(REGIONS))).all()
    assert (labels[heart] == HEART).all()
    assert (labels[mediastinum & ~heart] == MEDIASTINUM).all()
    assert np.isin(labels[(right | left) & ~heart & ~mediastinum], LUNGS).all()
    assert (labels[~np.any(masks, axis=0)] == OUTSIDE).all()
    np.testing.assert_allclose(region_areas(labels[None]).sum(), 1)


def test_thirds_of_each_lung() -> None:
    right = np.zeros((9, 2), bool)
    right[:, 0] = True
    left = np.zeros((9, 2), bool)
    left[3:, 1] = True  # a small lung has thirds of its own
    none = np.zeros((9, 2), bool)
    labels = compose_regions(right, left, none, none, none, np.arange(9)[:, None])
    assert labels[:, 0].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert labels[:, 1].tolist() == [0, 0, 0, 4, 4, 5, 5, 6, 6]


@given(
    arrays(np.float64, (2, 3, 4, 4), elements=st.floats(-5, 5)), arrays(np.int64, (2, 4, 4), elements=st.integers(0, 9))
)
@settings(max_examples=50, deadline=None)
def test_shares_add_up_or_are_undefined(maps: np.ndarray, labels: np.ndarray) -> None:
    total = region_shares(maps, labels).sum(axis=-1)
    live = np.maximum(maps, 0).sum(axis=(2, 3)) > 0
    np.testing.assert_allclose(total[live], 1)
    assert np.isnan(total[~live]).all()


def test_an_even_map_has_the_areas() -> None:
    labels = np.random.default_rng(0).integers(0, 10, (1, 5, 5))
    np.testing.assert_allclose(region_shares(np.ones((1, 1, 5, 5)), labels)[0], region_areas(labels))


def test_a_map_that_is_not_finite_has_no_shares() -> None:
    assert np.isnan(region_shares(np.full((1, 1, 2, 2), np.nan), np.zeros((1, 2, 2), np.int64))).all()


@pytest.mark.parametrize("finding", FINDINGS)
def test_every_finding_is_seen_somewhere_and_not_outside(finding: str) -> None:
    assert PLAUSIBLE[finding]
    assert OUTSIDE not in PLAUSIBLE[finding]
