"""An exponential moving average of the weights, which is what is validated, explained, kept as best and predicted with.

Source: Polyak & Juditsky 1992 (https://doi.org/10.1137/0330046); the decay's warm-up is that of TensorFlow's
``ExponentialMovingAverage``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from cxr_xai.artifacts.checkpoint import AVERAGE
from cxr_xai.callbacks.ranks import broadcast_from_first
from cxr_xai.errors import UserError


def warm_decay(decay: float, step: int) -> float:
    """Return ``min(decay, (1 + step) / (10 + step))``: a young average forgets the random weights it began with.

    Args:
        decay: in the long run.
        step: optimizer steps taken, from 1.

    >>> warm_decay(0.999, 1), warm_decay(0.5, 8), warm_decay(0.5, 800)
    (0.18181818181818182, 0.5, 0.5)
    """
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def average_into(average: Mapping[str, Tensor], weights: Mapping[str, Tensor], decay: float) -> None:
    """Move every average towards its weight, in place: ``decay * average + (1 - decay) * weight``; counters are copied.

    A weight that never moves keeps its average to the last bit.
    """
    floating = [name for name, value in average.items() if value.is_floating_point()]
    torch._foreach_lerp_([average[name] for name in floating], [weights[name] for name in floating], 1 - decay)
    for name in average.keys() - set(floating):
        average[name].copy_(weights[name])


class Ema(Callback):
    """Averages weights and BatchNorm statistics after every optimizer step; training goes on with the raw ones.

    The averaged weights lie in the model during validation, and from the end of an epoch to the start of the next: so
    ``ExplainEpoch``, selection and ``best.ckpt`` have them, and what is predicted from ``best.ckpt``. A checkpoint to
    go on from holds both. It must come before the callbacks that look at weights; ``assemble`` sees to it.

    BatchNorm's running means and variances are averaged with the same decay as the weights they belong to, and its
    counters copied: statistics of the latest raw weights would not fit averaged ones. Under several processes those of
    the first are used by all, which are also the ones that checkpoints hold.

    Lightning's own ``WeightAveraging`` is not used: its average is neither in the model when an epoch ends, where maps
    are made, nor in a checkpoint of weights alone, and its decay has no warm-up.

    Args:
        decay: in the long run; ``1 / (1 - decay)`` is about how many steps it remembers.
    """

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise UserError(f"callbacks.ema.decay is {decay}; it must be at least 0 and below 1.")
        self.decay = decay
        self._average: dict[str, Tensor] = {}
        self._raw: dict[str, Tensor] = {}
        self._step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin with the weights as they are, or go on with the average that was read."""
        here = weights_of(pl_module)
        self._step = trainer.global_step
        begun = {name: self._average.get(name, value) for name, value in here.items()}
        self._average = {name: value.to(here[name].device, copy=True) for name, value in begun.items()}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Average, where this batch ended an optimizer step."""
        if trainer.global_step > self._step:
            self._step = trainer.global_step
            average_into(self._average, weights_of(pl_module), warm_decay(self.decay, self._step))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate the average."""
        self._put_in(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train on with the raw weights."""
        self._take_out(pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let maps and the best checkpoint have the average."""
        self._put_in(pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train on with the raw weights."""
        self._take_out(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the raw weights, with which a longer run goes on."""
        self._take_out(pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave nothing that a later pass could put in."""
        self._average, self._raw = {}, {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the average; weights alone (``best.ckpt``) are written while it lies in the model."""
        checkpoint[AVERAGE] = dict(self._average)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take it back."""
        self._average = dict(checkpoint.get(AVERAGE, {}))

    @torch.no_grad()
    def _put_in(self, pl_module: LightningModule) -> None:
        if self._raw or not self._average:
            return
        here = weights_of(pl_module)
        self._raw = {name: value.clone() for name, value in here.items()}
        for name, value in here.items():
            value.copy_(self._average[name])
        broadcast_from_first(list(_module(pl_module).buffers()))

    @torch.no_grad()
    def _take_out(self, pl_module: LightningModule) -> None:
        for name, value in weights_of(pl_module).items() if self._raw else ():
            value.copy_(self._raw[name])
        self._raw = {}


def weights_of(pl_module: LightningModule) -> dict[str, Tensor]:
    """Return the network's weights and buffers, not copied, by their names in a checkpoint."""
    return {f"model.{name}": value for name, value in _module(pl_module).state_dict().items()}


def _module(pl_module: LightningModule) -> nn.Module:
    model = pl_module.model
    assert isinstance(model, nn.Module)
    return model
