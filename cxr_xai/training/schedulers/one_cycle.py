"""One cycle of the learning rate, up and down, and of momentum, down and up.

Source: Smith and Topin, Super-Convergence, 2018 (https://arxiv.org/abs/1708.07120), in the two phases of torch.
"""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from cxr_xai.errors import UserError
from cxr_xai.training.schedulers.start import keep_place, require_epochs

PLANNED = ("total_steps", "_schedule_phases")
"""State of torch's that follows from the steps of an epoch, which may be others after a cut."""


class OneCycle(OneCycleLR):
    """Torch's ``OneCycleLR`` whose peak is the optimizer's rate, in every parameter group its own.

    Args:
        optimizer: with the rates of the peak.
        steps_per_epoch: optimizer steps.
        epochs: that the cycle is planned for.
        pct_start: share of the steps that rise, between 0 and 1.
        div_factor: the peak over the first rate.
        final_div_factor: the first rate over the last.
        cycle_momentum: move momentum, or Adam's first beta, from .95 to .85 and back, whatever the optimizer says.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        steps_per_epoch: int,
        epochs: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        cycle_momentum: bool = True,
    ) -> None:
        require_epochs(epochs)
        if not 0 < pct_start < 1:
            raise UserError(f"scheduler.pct_start={pct_start}; it is the share of steps that rise, between 0 and 1.")
        for key, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            if factor < 1:
                raise UserError(f"scheduler.{key}={factor}; it divides the rate, by 1 or more.")
        self.steps_per_epoch = steps_per_epoch
        total = steps_per_epoch * epochs
        if pct_start * total == 1:
            pct_start *= 1 + 1e-9  # torch divides by the length of a rise from the first step to the first step, 0
        super().__init__(
            optimizer,
            [group["lr"] for group in optimizer.param_groups],
            total_steps=total,
            pct_start=pct_start,
            div_factor=div_factor,
            final_div_factor=final_div_factor,
            cycle_momentum=cycle_momentum,
        )

    def step(self, epoch: int | None = None) -> None:
        """Go one step on; after the last of the plan the rate stays, where torch would rise again and then raise."""
        if self.last_epoch + 1 < self.total_steps:
            super().step(epoch)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a run was cut."""
        kept = {key: value for key, value in state_dict.items() if key not in PLANNED}
        super().load_state_dict(keep_place(kept, self.steps_per_epoch))
