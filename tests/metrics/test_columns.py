"""Known targets beside their scores."""

import numpy as np
import pytest

from cxr_xai.errors import UserError
from cxr_xai.metrics.columns import count_support, has_both, known_columns, per_finding

NAN = np.nan


def test_unknown_targets_and_their_scores_are_left_out() -> None:
    # a score that is not finite is of no account where the target is unknown
    columns = known_columns([[1, NAN], [NAN, 0], [0, 1]], [[0.1, NAN], [0.2, 0.3], [0.4, 0.5]])
    assert [(y.tolist(), s.tolist()) for y, s in columns] == [([1, 0], [0.1, 0.4]), ([0, 1], [0.3, 0.5])]


def test_nothing_known_is_nan() -> None:
    values = per_finding([[1, NAN], [0, NAN]], [[0.2, 0.2], [0.4, 0.4]], lambda y, s: float(s[y == 1].sum()))
    np.testing.assert_equal(values, [0.2, NAN])
    assert per_finding(np.empty((0, 2)), np.empty((0, 2)), lambda y, s: 0.0).shape == (2,)


def test_bad_input_is_said() -> None:
    with pytest.raises(UserError, match="not finite in columns \\[1\\]"):
        known_columns([[1, 0], [0, 1]], [[0.1, NAN], [0.2, 0.3]])
    with pytest.raises(UserError, match="must be"):
        known_columns([1, 0], [0.1, 0.2])


def test_support_is_of_the_rarer_kind() -> None:
    assert count_support(np.array([1.0, 0.0, 0.0])) == 1
    assert count_support(np.ones(3)) == 0
    assert has_both(np.array([1.0, 0.0]))
    assert not has_both(np.ones(2))
    assert not has_both(np.empty(0))
