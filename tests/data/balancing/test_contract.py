"""What every balancing promises; runs over all of ``conf/balancing``."""

from typing import Any

import numpy as np
import pytest
import torch

from cxr_xai.data.balancing.plan import BalancePlan, TrainingPart, drawn_prevalence, seen_prevalence
from cxr_xai.experiments.build import build

PLAIN = (np.random.default_rng(0).random((200, 14)) < np.linspace(0.02, 0.4, 14)).astype(np.float32)
FILMS = np.random.default_rng(1).integers(0, 255, (200, 40, 40), dtype=np.uint8)
HARD = {
    "plain": PLAIN,
    "no positives": np.zeros((5, 14), np.float32),
    "all unknown": np.full((5, 14), np.nan, np.float32),
    "one finding missing": PLAIN * (np.arange(14) != 3),
    "half unknown": np.where(np.arange(200)[:, None] % 2, PLAIN, np.float32(np.nan)),
    "one study": np.ones((1, 14), np.float32),
    "two studies": np.eye(2, 14, dtype=np.float32),
    "one positive": np.eye(30, 14, dtype=np.float32) * (np.arange(30) == 2)[:, None],
}


def plan_for(settings: dict[str, Any], targets: np.ndarray) -> BalancePlan:
    plan: BalancePlan = build(settings, "balancing").plan(TrainingPart(targets, FILMS[: len(targets)]))
    return plan


@pytest.mark.parametrize("kind", HARD)
def test_plans_are_finite_and_fit(balancing_settings: dict[str, Any], kind: str) -> None:
    targets = HARD[kind].astype(np.float32)
    before = targets.copy()
    plan = plan_for(balancing_settings, targets)
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
    if plan.synthetic is not None:
        assert plan.synthetic.targets.shape == (len(plan.synthetic), 14)
        assert plan.synthetic.targets.dtype == np.float32
        for positions in (plan.synthetic.base, plan.synthetic.neighbors):
            assert positions.dtype == np.int64
            assert ((positions >= 0) & (positions < len(targets))).all()
    assert sum(plan.counts.values()) == (0 if plan.synthetic is None else len(plan.synthetic))


@pytest.mark.parametrize("kind", HARD)
def test_frequencies_are_shares_and_undefined_only_without_labels(
    balancing_settings: dict[str, Any], kind: str
) -> None:
    targets = HARD[kind].astype(np.float32)
    plan = plan_for(balancing_settings, targets)
    known = ~np.isnan(targets).all(axis=0)
    drawn, seen = drawn_prevalence(targets, plan), seen_prevalence(targets, plan)
    assert ((drawn[known] >= 0) & (drawn[known] <= 1)).all()
    assert np.isnan(drawn[~known]).all()
    assert ((seen >= 0) & (seen <= 1)).all()


def test_the_same_part_gives_the_same_plan(balancing_settings: dict[str, Any]) -> None:
    one, two = (plan_for(balancing_settings, PLAIN) for _ in range(2))
    np.testing.assert_array_equal(drawn_prevalence(PLAIN, one), drawn_prevalence(PLAIN, two))
    if one.synthetic is not None and two.synthetic is not None:
        np.testing.assert_array_equal(one.synthetic.base, two.synthetic.base)
        np.testing.assert_array_equal(one.synthetic.neighbors, two.synthetic.neighbors)


def test_gives_says_what_the_plan_holds(balancing_settings: dict[str, Any]) -> None:
    plan = plan_for(balancing_settings, PLAIN)
    assert (plan.pos_weight is not None) == (balancing_settings["gives"] == "pos_weight")
