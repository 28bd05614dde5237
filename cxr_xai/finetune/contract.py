"""What every way of fine-tuning offers: the groups of layers that train in an epoch, how fast, with which BatchNorm."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from cxr_xai.errors import UserError

BatchNorm = Literal["with_group", "fixed", "moving"]
"""Whose running statistics follow the films of training: those of groups that train, nobody's, or everybody's."""


def statistics_move(batchnorm: BatchNorm, trains: bool) -> bool:
    """Whether a group's normalizations use and follow each batch's own statistics (training mode).

    Otherwise they use their running statistics and leave them as they are (evaluation mode).

    Args:
        batchnorm: the policy.
        trains: whether the group does.

    >>> [statistics_move("with_group", trains) for trains in (True, False)]
    [True, False]
    """
    return trains if batchnorm == "with_group" else batchnorm == "moving"


def scale_learning_rates(groups: Sequence[str], layer_decay: float) -> dict[str, float]:
    """Return what the learning rate of each group is multiplied by: ``layer_decay ** n``, n = 0 for the head.

    Source: Howard & Ruder 2018 (https://arxiv.org/abs/1801.06146), section 3.2, where the decay is 1 / 2.6.

    >>> scale_learning_rates(["head", "layer4", "layer3"], 0.5)
    {'head': 1.0, 'layer4': 0.5, 'layer3': 0.25}
    """
    return {name: layer_decay**number for number, name in enumerate(groups)}


class Finetune(ABC):
    """A schedule of groups of layers.

    Attributes:
        freezes: whether any group is ever frozen.

    Args:
        layer_decay: of the learning rate from one group to the next towards the stem, above 0, at most 1.
        batchnorm: ``with_group`` fixes the running statistics of frozen groups, ``fixed`` those of all groups (films
            are normalized as in pretraining, and several processes compute what one would on the joined batch),
            ``moving`` those of none.
    """

    freezes = True

    def __init__(self, layer_decay: float = 1.0, batchnorm: BatchNorm = "with_group") -> None:
        if not 0 < layer_decay <= 1:
            raise UserError(f"finetune.layer_decay is {layer_decay}; it must be above 0 and at most 1.")
        self.layer_decay, self.batchnorm = layer_decay, batchnorm

    @abstractmethod
    def trains(self, groups: Sequence[str], epoch: int) -> tuple[str, ...]:
        """Return which groups train in an epoch, a function of nothing else, so that any run can go on.

        Args:
            groups: all of them, from the head to the stem.
            epoch: from 0.
        """
