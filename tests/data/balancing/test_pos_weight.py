"""Weights of positives by four rules, on counts small enough to work out by hand."""

from typing import Any, get_args

import numpy as np
import pytest

from cxr_xai.data.balancing.plan import TrainingPart
from cxr_xai.data.balancing.pos_weight import PosWeight, Rule, effective_number, neg_over_pos, sqrt, w_cel
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build

NAN = np.nan
TARGETS = np.array([[1, 0, 1], [0, 0, NAN], [0, 1, NAN], [NAN, 0, 0]], np.float32)
"""Positives 1, 1, 1 against negatives 2, 3, 1."""


def weights_of(targets: np.ndarray, **settings: Any) -> list[float]:
    plan = PosWeight(**settings).plan(TrainingPart(targets, np.zeros((len(targets), 1, 1), np.uint8)))
    assert plan.pos_weight is not None
    weights: list[float] = plan.pos_weight.tolist()
    return weights


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("neg_over_pos", [2, 3, 1]),
        ("sqrt", [2**0.5, 3**0.5, 1]),
        ("effective_number", [1.5, 1.75, 1]),  # β = ½: the effective numbers of 1, 2, 3 are 1, 3/2, 7/4
        ("w_cel", [2, 2, 2]),  # 6 negatives against 3 positives in all
    ],
)
def test_by_hand_with_unknown_labels_on_neither_side(rule: Rule, expected: list[float]) -> None:
    np.testing.assert_allclose(weights_of(TARGETS, rule=rule, beta=0.5), expected, rtol=1e-6)


@pytest.mark.parametrize("rule", get_args(Rule))
def test_the_cap_holds_on_both_sides_also_without_positives_or_negatives(rule: Rule) -> None:
    targets = np.zeros((10_000, 3), np.float32)
    assert weights_of(targets, rule=rule, cap=7) == [7, 7, 7]
    assert weights_of(1 - targets, rule=rule, cap=4) == [0.25, 0.25, 0.25]
    targets[0] = 1  # 9,999 to 1
    assert weights_of(targets, rule=rule, cap=7) == [7, 7, 7]


def test_effective_numbers_run_from_no_weights_to_balance() -> None:
    positives, negatives = np.array([3.0, 40.0, 900.0]), np.array([997.0, 960.0, 100.0])
    np.testing.assert_allclose(effective_number(positives, negatives, beta=1e-9), 1, rtol=1e-6)
    np.testing.assert_allclose(
        effective_number(positives, negatives, beta=1 - 1e-12), neg_over_pos(positives, negatives), rtol=1e-6
    )


def test_effective_numbers_equal_the_sum_of_the_series() -> None:
    series = [sum(0.99**power for power in range(count)) for count in (5, 300)]
    np.testing.assert_allclose(effective_number(np.array([5.0]), np.array([300.0]), 0.99), series[1] / series[0])


def test_w_cel_is_the_ratio_of_its_two_published_factors() -> None:
    positives, negatives = np.array([2.0, 10.0]), np.array([98.0, 90.0])
    total, p, n = 200, 12, 188
    np.testing.assert_allclose(w_cel(positives, negatives), [(total / p) / (total / n)] * 2)


def test_sqrt_lies_halfway_in_logarithms() -> None:
    positives, negatives = np.array([2.0, 60.0]), np.array([98.0, 40.0])
    np.testing.assert_allclose(np.log(sqrt(positives, negatives)), np.log(neg_over_pos(positives, negatives)) / 2)


def test_a_cap_below_one_is_refused() -> None:
    with pytest.raises(UserError, match=r"balancing\.cap is 0\.5"):
        PosWeight(cap=0.5)


@pytest.mark.parametrize("beta", [0.0, 1.0, -1.0])
def test_an_impossible_beta_is_refused(beta: float) -> None:
    with pytest.raises(UserError, match=r"balancing\.beta is"):
        PosWeight(beta=beta)


def test_a_wrong_rule_is_refused_with_its_key_and_the_names() -> None:
    settings = {"_target_": "cxr_xai.data.balancing.pos_weight.PosWeight", "rule": "inverse"}
    with pytest.raises(UserError, match=r"balancing\.rule='inverse': expected 'neg_over_pos', 'sqrt'"):
        build(settings, "balancing")
