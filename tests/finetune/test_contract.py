"""What holds for every member: groups of the network, in order, more and never fewer, a function of the epoch."""

from typing import Any

import hydra
import pytest

from cxr_xai.errors import UserError
from cxr_xai.finetune.contract import BatchNorm, Finetune, scale_learning_rates, statistics_move
from cxr_xai.finetune.full import Full

GROUPS = ("head", "layer4", "layer3", "layer2", "layer1", "stem")


@pytest.fixture
def member(finetune_settings: dict[str, Any]) -> Finetune:
    made: Finetune = hydra.utils.instantiate({k: v for k, v in finetune_settings.items() if k != "defaults"})
    return made


@pytest.mark.parametrize("groups", [GROUPS, GROUPS[:2], GROUPS[:1]])
def test_groups_train_from_the_head_on_and_are_never_frozen_again(member: Finetune, groups: tuple[str, ...]) -> None:
    epochs = [member.trains(groups, epoch) for epoch in range(10)]
    for trains in epochs:
        assert trains
        assert trains == groups[: len(trains)]
    assert [len(trains) for trains in epochs] == sorted(len(trains) for trains in epochs)


def test_an_epoch_has_its_groups_in_whatever_order_one_asks(member: Finetune) -> None:
    forwards = [member.trains(GROUPS, epoch) for epoch in range(8)]
    assert [member.trains(list(GROUPS), epoch) for epoch in reversed(range(8))] == forwards[::-1]


def test_freezing_is_said(member: Finetune) -> None:
    assert member.freezes == any(len(member.trains(GROUPS, epoch)) < len(GROUPS) for epoch in range(100))


@pytest.mark.parametrize(
    ("batchnorm", "frozen", "training"), [("with_group", False, True), ("fixed", False, False), ("moving", True, True)]
)
def test_whose_statistics_move(batchnorm: BatchNorm, frozen: bool, training: bool) -> None:
    assert (statistics_move(batchnorm, False), statistics_move(batchnorm, True)) == (frozen, training)


def test_learning_rates_fall_towards_the_stem() -> None:
    scales = scale_learning_rates(GROUPS, 1 / 2.6)
    assert list(scales) == list(GROUPS)
    assert scales["head"] == 1
    assert scales["stem"] == pytest.approx(2.6**-5)
    assert set(scale_learning_rates(GROUPS, 1.0).values()) == {1.0}


@pytest.mark.parametrize("decay", [0, -0.5, 1.01])
def test_an_impossible_decay_is_refused(decay: float) -> None:
    with pytest.raises(UserError, match=rf"finetune\.layer_decay is {decay}; it must be above 0 and at most 1"):
        Full(layer_decay=decay)
