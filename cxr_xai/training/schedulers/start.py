"""What a scheduler is told of the run, and where it takes up again."""

import inspect
import math
from collections.abc import Callable
from typing import Any

from lightning import Trainer
from lightning.pytorch.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer

from cxr_xai.errors import UserError


def start_scheduler(
    make: Callable[..., Any], optimizer: Optimizer, trainer: Trainer | None, monitor: str
) -> LRSchedulerConfigType:
    """Build a scheduler; one that takes ``steps_per_epoch`` is stepped with the optimizer, any other every epoch.

    Args:
        make: optimizer → scheduler.
        optimizer: whose rates it drives.
        trainer: knows how many steps an epoch has; None, to see whether the settings go together, takes 1.
        monitor: what a plateau scheduler watches.
    """
    if "steps_per_epoch" not in inspect.signature(make).parameters:
        return {"scheduler": make(optimizer), "interval": "epoch", "monitor": monitor}
    steps = 1 if trainer is None else count_steps(trainer)
    return {"scheduler": make(optimizer, steps_per_epoch=steps), "interval": "step", "monitor": monitor}


def count_steps(trainer: Trainer) -> int:
    """Return the optimizer steps of an epoch; batches that are left over at its end make one as well."""
    trainer.fit_loop.setup_data()
    trainer.fit_loop._combined_loader = None  # opened before the checkpoint is read, it would miss where a cut was
    return math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)


def keep_place(state: dict[str, Any], steps_per_epoch: int) -> dict[str, Any]:
    """Return a scheduler's state at the same place of a run whose epochs have so many steps now.

    Their number changes with that of the processes, which may change between epochs.

    >>> keep_place({"last_epoch": 30, "steps_per_epoch": 15}, 8)
    {'last_epoch': 16, 'steps_per_epoch': 8}
    """
    step = state["last_epoch"] * steps_per_epoch // state["steps_per_epoch"]
    return {**state, "last_epoch": step, "steps_per_epoch": steps_per_epoch}


def require_epochs(epochs: int) -> None:
    """Refuse a plan of no length."""
    if epochs < 1:
        raise UserError(f"scheduler.epochs={epochs}; a plan has 1 epoch or more.")
