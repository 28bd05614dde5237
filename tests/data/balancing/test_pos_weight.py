"""Negatives over positives."""

import numpy as np
import pytest

from cxr_xai.data.balancing.pos_weight import PosWeight, negatives_per_positive
from cxr_xai.errors import UserError


def test_by_hand_with_unknown_labels_on_neither_side() -> None:
    targets = np.array([[1, 0, 1], [0, 0, np.nan], [0, 1, np.nan], [np.nan, 0, 0]], np.float32)
    assert negatives_per_positive(targets, cap=50).tolist() == [2, 3, 1]


def test_the_cap_holds_also_without_positives() -> None:
    targets = np.zeros((101, 2), np.float32)
    targets[0, 0] = 1
    assert PosWeight(cap=50).plan(targets).pos_weight.tolist() == [50, 50]
    assert PosWeight(cap=100).plan(targets).pos_weight.tolist() == [100, 100]


def test_a_cap_below_one_is_refused() -> None:
    with pytest.raises(UserError, match=r"balancing\.cap is 0\.5"):
        PosWeight(cap=0.5)
