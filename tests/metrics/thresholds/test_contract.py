"""What every threshold rule promises; runs over all of ``conf/threshold``."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.metrics.thresholds.contract import PREVALENCE_MATCHED, Cut, Threshold, match_prevalence

NAN = np.nan
Floats = npt.NDArray[np.float64]


@pytest.fixture
def threshold(threshold_settings: dict[str, Any]) -> Threshold:
    return build(threshold_settings, "threshold")


@pytest.fixture
def name(threshold_settings: dict[str, Any]) -> str:
    return name_rule(threshold_settings)


def name_rule(settings: dict[str, Any]) -> str:
    """``val_f1`` of ``cxr_xai.metrics.thresholds.f1.BestF1``."""
    return "val_" + settings["_target_"].split(".")[-2]


def draw(seed: int, n: int = 400) -> tuple[Floats, Floats]:
    """Three findings, of which the last has too few positives."""
    rng = np.random.default_rng(seed)
    probs = rng.random((n, 3)).round(2)
    target = (rng.random((n, 3)) < probs * [1, 0.6, 0.1]).astype(float)
    return np.where(rng.random((n, 3)) < 0.1, NAN, target), probs


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_cut_is_one_of_the_probabilities(threshold_settings: dict[str, Any], seed: int) -> None:
    target, probs = draw(seed)
    cuts, name = build(threshold_settings, "threshold").choose(target, probs), name_rule(threshold_settings)
    assert [cut.rule for cut in cuts] == [name, name, PREVALENCE_MATCHED]
    for k in (0, 1):
        assert cuts[k].at in probs[~np.isnan(target[:, k]), k]


def test_fifty_positives_support_the_rule(threshold: Threshold, name: str) -> None:
    target = np.zeros((200, 2))
    target[:50, 0] = target[:49, 1] = 1
    cuts = threshold.choose(target, np.random.default_rng(0).random((200, 2)))
    assert [cut.rule for cut in cuts] == [name, PREVALENCE_MATCHED]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_kind_of_label_supports_nothing(threshold: Threshold, value: float) -> None:
    probs = np.random.default_rng(0).random((100, 1))
    [cut] = threshold.choose(np.full((100, 1), value), probs)
    assert cut.rule == PREVALENCE_MATCHED
    assert cut.at is not None
    assert (probs >= cut.at).all() == (value == 1)
    assert (probs >= cut.at).any() == (value == 1)


def test_without_known_targets_there_is_no_threshold(threshold: Threshold) -> None:
    assert threshold.choose([[NAN]], [[0.5]]) == (Cut(PREVALENCE_MATCHED, None),)
    assert threshold.choose(np.empty((0, 1)), np.empty((0, 1))) == (Cut(PREVALENCE_MATCHED, None),)


def test_unknown_targets_have_no_say(threshold: Threshold) -> None:
    target, probs = draw(0)
    assert threshold.choose(target, np.where(np.isnan(target), 0.99, probs)) == threshold.choose(target, probs)


def test_equal_probabilities_give_that_one(threshold: Threshold) -> None:
    target = np.repeat([1.0, 0.0], [60, 20])[:, None]
    assert threshold.choose(target, np.full((80, 1), 0.3))[0].at == 0.3


def test_few_positives_match_the_prevalence() -> None:
    # two positives: the two highest, .9 and .4, are predicted
    y, p = np.array([1.0, 0, 0, 1, 0]), np.array([0.1, 0.9, 0.3, 0.4, 0.2])
    assert match_prevalence(y, p) == 0.4
    assert match_prevalence(np.zeros(5), p) > 0.9
    assert match_prevalence(np.zeros(2), np.ones(2)) > 1, "nothing is predicted even at certainty"


@pytest.mark.parametrize("at", [-0.1, 1.1, NAN, np.inf])
def test_a_cut_is_a_probability(at: float) -> None:
    with pytest.raises(UserError, match="it is a probability"):
        Cut("val_f1", at)
