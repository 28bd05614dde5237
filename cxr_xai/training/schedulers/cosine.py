"""A learning rate that rises in a line and falls along half a cosine.

Sources: Loshchilov and Hutter, SGDR, ICLR 2017 (https://arxiv.org/abs/1608.03983), equation 5, without restarts;
Goyal et al. 2017 (https://arxiv.org/abs/1706.02677), section 2.2, for the warm-up.
"""

import math
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cxr_xai.errors import UserError
from cxr_xai.training.schedulers.start import keep_place, require_epochs


def cosine(step: int, total: int, warmup: int, end: float) -> float:
    """Return the share of the full learning rate that an optimizer step takes.

    ``(step + 1) / (warmup + 1)`` before step ``warmup``, 1 at it, then half a cosine down to ``end``, which would be
    reached by the step after the last one. From there on it stays.

    Args:
        step: from 0.
        total: steps of the whole run, more than ``warmup``.
        warmup: steps before the full rate.
        end: share in [0, 1].

    >>> [round(cosine(step, total=6, warmup=2, end=0.0), 2) for step in range(8)]
    [0.33, 0.67, 1.0, 0.85, 0.5, 0.15, 0.0, 0.0]
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    fallen = min(1.0, (step - warmup) / (total - warmup))
    return end + (1 - end) * (1 + math.cos(math.pi * fallen)) / 2


class Cosine(LRScheduler):
    """Follows ``cosine``, in every parameter group from its own full rate.

    Args:
        optimizer: with the full rates.
        steps_per_epoch: optimizer steps.
        epochs: that the curve is planned for.
        warmup: share of all steps that it rises over.
        end: share of the full rate at the end.
    """

    def __init__(
        self, optimizer: Optimizer, steps_per_epoch: int, epochs: int, warmup: float = 0.0, end: float = 0.0
    ) -> None:
        require_epochs(epochs)
        if not 0 <= warmup < 1:
            raise UserError(f"scheduler.warmup={warmup}; it is the share of steps that rise, 0 or more and below 1.")
        if not 0 <= end <= 1:
            raise UserError(f"scheduler.end={end}; it is a share of the full rate, between 0 and 1.")
        self.steps_per_epoch, self.epochs, self.warmup, self.end = steps_per_epoch, epochs, warmup, end
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Return the rate of each parameter group."""
        total = self.steps_per_epoch * self.epochs
        share = cosine(self.last_epoch, total, int(total * self.warmup), self.end)
        return [base * share for base in self.base_lrs]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a run was cut."""
        super().load_state_dict(keep_place(state_dict, self.steps_per_epoch))
