"""A union of findings is at least as frequent, and as probable, as each of them."""

import numpy as np

from cxr_xai.metrics.union import any_of, at_least, independent


def test_between_the_likeliest_finding_and_the_sum() -> None:
    probs = np.random.default_rng(0).uniform(size=(50, 3))
    assert (at_least(probs) <= independent(probs)).all()
    assert (independent(probs) <= np.minimum(probs.sum(axis=1), 1)).all()
    np.testing.assert_array_equal(at_least(probs[:, :1]), probs[:, 0])
    np.testing.assert_allclose(independent(probs[:, :1]), probs[:, 0], atol=1e-15)


def test_unknown_stays_unknown_unless_another_is_present() -> None:
    np.testing.assert_array_equal(any_of([[np.nan, 0, 0], [np.nan, 1, 0], [0, 0, 0]]), [np.nan, 1, 0])
