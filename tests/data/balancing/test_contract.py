"""What every balancing promises; runs over all of ``conf/balancing``."""

from typing import Any

import numpy as np
import pytest
import torch

from cxr_xai.data.balancing.plan import BalancePlan
from cxr_xai.experiments.build import build

PLAIN = (np.random.default_rng(0).random((200, 14)) < 0.1).astype(np.float32)
HARD = {
    "plain": PLAIN,
    "no positives": np.zeros((5, 14), np.float32),
    "all unknown": np.full((5, 14), np.nan, np.float32),
    "one finding missing": PLAIN * (np.arange(14) != 3),
    "half unknown": np.where(np.arange(200)[:, None] % 2, PLAIN, np.float32(np.nan)),
}


@pytest.mark.parametrize("kind", HARD)
def test_plans_are_finite_and_fit(balancing_settings: dict[str, Any], kind: str) -> None:
    targets = HARD[kind].astype(np.float32)
    before = targets.copy()
    plan = build(balancing_settings, "balancing").plan(targets)
    assert isinstance(plan, BalancePlan)
    np.testing.assert_array_equal(targets, before)
    if plan.pos_weight is not None:
        assert plan.pos_weight.shape == (14,)
        assert plan.pos_weight.dtype == torch.float32
        assert plan.pos_weight.isfinite().all()
        assert (plan.pos_weight >= 0).all()
    if plan.draw_weights is not None:
        assert plan.draw_weights.shape == (len(targets),)
        assert np.isfinite(plan.draw_weights).all()
        assert (plan.draw_weights > 0).all()


def test_gives_says_what_the_plan_holds(balancing_settings: dict[str, Any]) -> None:
    plan = build(balancing_settings, "balancing").plan(PLAIN)
    assert (plan.pos_weight is not None) == (balancing_settings["gives"] == "pos_weight")
