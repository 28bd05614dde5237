"""Gradual unfreezing by hand."""

import pytest

from cxr_xai.errors import UserError
from cxr_xai.finetune.gradual import Gradual

GROUPS = ("head", "layer4", "layer3", "stem")


def test_one_more_group_each_epoch_until_all_train() -> None:
    assert [Gradual().trains(GROUPS, epoch) for epoch in range(5)] == [
        ("head",),
        ("head", "layer4"),
        ("head", "layer4", "layer3"),
        GROUPS,
        GROUPS,
    ]


def test_every_third_epoch() -> None:
    counts = [len(Gradual(every_n_epochs=3).trains(GROUPS, epoch)) for epoch in range(11)]
    assert counts == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4]


@pytest.mark.parametrize("epochs", [0, -1])
def test_less_than_one_epoch_is_refused(epochs: int) -> None:
    with pytest.raises(UserError, match=rf"finetune\.every_n_epochs is {epochs}; it must be 1 or more"):
        Gradual(every_n_epochs=epochs)
