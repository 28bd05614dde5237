"""The share of positives as the loss meets them."""

import numpy as np
import torch

from cxr_xai.data.balancing.plan import BalancePlan, seen_prevalence

NAN = np.nan
TARGETS = np.array([[1, NAN, 0], [0, NAN, 0], [NAN, NAN, 0], [0, NAN, 1]], np.float32)


def test_over_known_labels_and_one_half_where_none_is_known() -> None:
    np.testing.assert_allclose(seen_prevalence(TARGETS, BalancePlan()), [1 / 3, 0.5, 1 / 4])


def test_draws_and_weights_both_count() -> None:
    plan = BalancePlan(torch.tensor([2.0, 1.0, 1.0]), np.array([3.0, 1.0, 1.0, 1.0]))
    # Finding 0: positives 3 × 2 against 1 + 1; finding 2: 1 against 5.
    np.testing.assert_allclose(seen_prevalence(TARGETS, plan), [6 / 8, 0.5, 1 / 6])
