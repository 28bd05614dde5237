"""Training stops, on all ranks together, at a loss that is not a number, before anything of it is written."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.ranks import gather
from cxr_xai.errors import UserError
from cxr_xai.training.averaging import world
from cxr_xai.types import Batch

NAMED = 8
"""Studies that a message names; with more in the batch it says how many."""

TRY = (
    "try a smaller optimizer.lr, trainer.gradient_clip_val=1 or trainer.precision=32-true, and look at these films if "
    "they are named again"
)


LATER = 3.0
"""Seconds by which the first rank is ahead: Lightning kills all processes once it sees that one of them is gone."""


class NotFinite(UserError):
    """A loss or weights that are not finite; every rank raises it at the same step, and the first one says it."""

    everywhere = True


@dataclass(frozen=True)
class Step:
    """A batch of which it is not known yet whether its loss was finite.

    Attributes:
        loss: its loss, on the device.
        index: ``(N,)`` rows of its studies.
        number: optimizer steps taken with it.
        epoch: the one that is on.
    """

    loss: Tensor
    index: Tensor
    number: int
    epoch: int


class Finite(Callback):
    """Looks at the loss of every batch.

    The step of such a batch is taken by all ranks (a rank that stopped before would leave the others waiting for its
    gradients); nothing is written after it, so the last checkpoint has the weights before. A GPU is asked for the loss
    of a batch when the next has been sent to it, so that it never waits to be asked.

    Args:
        image_ids: of the rows of the study table.
        folder: of the run; messages name its last checkpoint.
    """

    def __init__(self, image_ids: Sequence[str], folder: RunFolder) -> None:
        super().__init__()
        self.image_ids, self.folder = image_ids, folder
        self._before: Step | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Check this batch on a CPU and under several processes, the one before on a GPU.

        Raises:
            NotFinite: names the images, rank, step and epoch, and what to try.
        """
        step = Step(outputs["loss"], batch.index, trainer.global_step, trainer.current_epoch)
        late = step.loss.device.type != "cpu" and trainer.world_size == 1
        checked, self._before = (self._before, step) if late else (step, None)
        if checked is not None:
            self._check(trainer, checked)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check what is left, and the weights: metrics of such predictions would say less.

        Raises:
            NotFinite: a loss or a weight is not.
        """
        self.on_train_epoch_end(trainer, pl_module)
        require_finite(trainer, self.folder)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check what is left."""
        checked, self._before = self._before, None
        if checked is not None:
            self._check(trainer, checked)

    def _check(self, trainer: Trainer, step: Step) -> None:
        value = float(step.loss)
        fine = abs(value) < float("inf")  # NaN is not
        if not trainer.strategy.reduce_boolean_decision(not fine, all=False):
            return
        told = gather(None if fine else (value, name_studies(step.index.tolist(), self.image_ids)))
        met = "; ".join(describe(told))
        stop(f"{met} (step {step.number:,}, epoch {step.epoch}); {name_last(self.folder)}; {TRY}.")


def name_studies(rows: Sequence[int], image_ids: Sequence[str]) -> str:
    """Return image ids, the first few of many.

    >>> name_studies([1, 0, 5], ["a.png", "b.png"])
    'b.png, a.png, synthetic study 3'
    """
    known = len(image_ids)
    names = [str(image_ids[row]) if row < known else f"synthetic study {row - known}" for row in rows]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def describe(told: Sequence[tuple[float, str] | None]) -> list[str]:
    """Say what each rank met; ``told`` has None for ranks whose loss was finite.

    >>> describe([None, (float("nan"), "a.png")])
    ['the loss is nan on rank 1 in the batch of a.png']
    """
    several = len(told) > 1
    return [
        f"the loss is {entry[0]:g}{f' on rank {rank}' if several else ''} in the batch of {entry[1]}"
        for rank, entry in enumerate(told)
        if entry is not None
    ]


def name_last(folder: RunFolder) -> str:
    """Name the last checkpoint, whose weights are finite: none with others is ever written."""
    if not folder.last.is_file():
        return "no checkpoint was written before"
    step = torch.load(folder.last, map_location="cpu", weights_only=True)["global_step"]
    return f"the last good checkpoint is {folder.last} (step {step:,})"


def require_finite(trainer: Trainer, folder: RunFolder) -> None:
    """Refuse to write weights, or statistics of BatchNorm, that are not finite.

    All ranks refuse together: their weights are equal, but each has statistics of its own.

    Raises:
        NotFinite: says after which step, and names the last good checkpoint.
    """
    module = trainer.lightning_module
    held = [tensor for tensor in (*module.parameters(), *module.buffers()) if tensor.is_floating_point()]
    largest = torch.nn.utils.get_total_norm(held, norm_type=float("inf"))
    if trainer.strategy.reduce_boolean_decision(not torch.isfinite(largest), all=False):
        stop(f"weights are not finite after step {trainer.global_step:,}; {name_last(folder)}; {TRY}.")


def stop(message: str) -> NoReturn:
    """Stop all ranks, the first one first.

    Raises:
        NotFinite: always.
    """
    if world()[0] > 0:
        time.sleep(LATER)
    raise NotFinite(message)
