"""Gradual unfreezing: the head first, then one further group after another, towards the stem."""

from collections.abc import Sequence

from cxr_xai.errors import UserError
from cxr_xai.finetune.contract import BatchNorm, Finetune


def count_unfrozen(epoch: int, every_n_epochs: int) -> int:
    """Return how many groups train in an epoch: the head in the first ``every_n_epochs``, then one more each time.

    Source: Howard & Ruder 2018 (https://arxiv.org/abs/1801.06146), section 3.3.

    >>> [count_unfrozen(epoch, every_n_epochs=2) for epoch in range(6)]
    [1, 1, 2, 2, 3, 3]
    """
    return 1 + epoch // every_n_epochs


class Gradual(Finetune):
    """One more group every n epochs.

    Args:
        every_n_epochs: from one group to the next, 1 or more.
        layer_decay: as in `Finetune`.
        batchnorm: as in `Finetune`.
    """

    def __init__(self, every_n_epochs: int = 1, layer_decay: float = 1.0, batchnorm: BatchNorm = "with_group") -> None:
        super().__init__(layer_decay, batchnorm)
        if every_n_epochs < 1:
            raise UserError(f"finetune.every_n_epochs is {every_n_epochs}; it must be 1 or more.")
        self.every_n_epochs = every_n_epochs

    def trains(self, groups: Sequence[str], epoch: int) -> tuple[str, ...]:
        """Return the groups that are unfrozen by then."""
        return tuple(groups[: count_unfrozen(epoch, self.every_n_epochs)])
