"""Checkpoints from which a run goes on at the very step, and the best weights."""

import math
import time
from typing import Any, Literal

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from cxr_xai.artifacts.checkpoint import Identity, WholeCheckpoints
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.finite import require_finite
from cxr_xai.callbacks.random_states import read_random_states, set_random_states
from cxr_xai.callbacks.ranks import gather
from cxr_xai.errors import UserError
from cxr_xai.signals import STOP, STOPPING
from cxr_xai.training.averaging import world
from cxr_xai.types import Batch


class Checkpoints(Checkpoint):
    """Writes ``last.ckpt`` every n steps and between epochs, keeps the one before, and ``best.ckpt`` by the monitor.

    A run that goes on from ``last.ckpt`` ends with the weights of one that was never cut (bit-identical in float32 on
    one CPU process with fixed threads). On SIGTERM, SIGUSR1 or SIGUSR2 the step that is on is finished and written, and
    the run ends; validation is left at once, for one step before it a file is always written. Between epochs means
    after everything that belongs to the old one: validation, maps, the scheduler, the logs.

    ``best.ckpt`` holds weights only; the last epoch's are kept as long as no validation has run.

    Args:
        folder: the run folder.
        identity: marks the files as this run's.
        monitor: what chooses the best weights.
        mode: whether a small or a large value is better.
        every_n_steps: optimizer steps from one file to the next; what a kill costs at most.
    """

    def __init__(
        self,
        folder: RunFolder,
        identity: Identity,
        monitor: str,
        mode: Literal["min", "max"] = "min",
        every_n_steps: int = 200,
    ) -> None:
        super().__init__()
        if every_n_steps < 1:
            raise UserError(f"callbacks.checkpoint.every_n_steps is {every_n_steps}; it must be 1 or more.")
        self.folder, self.identity = folder, identity
        self.monitor, self.mode, self.every_n_steps = monitor, mode, every_n_steps
        self.best: float | None = None
        self._validated = self._between_epochs = False
        self._written = 0
        self._start = self._spent = 0.0
        self._restored: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let every file be written whole."""
        trainer.strategy.checkpoint_io = WholeCheckpoints(self.identity)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put back what start-up may have moved: this is the last hook before training goes on."""
        STOP.listen()  # Lightning's handler for SIGTERM would stop between the steps of an accumulated one
        fit = trainer.fit_loop
        # Lightning holds a loop that goes on for one that starts again until the epoch is over: the plateau scheduler
        # would not see that epoch, and under max_steps an epoch that begins would be taken for one that ends.
        fit._restarting = False
        fit.epoch_loop.restarting = fit.restarted_mid_epoch
        self._written, self._start = trainer.global_step, time.perf_counter() - self._spent
        if self._restored is not None:
            trainer.callback_metrics.update(self._restored["metrics"])
            states = self._restored["random"]
            set_random_states(states[world()[0] % len(states)], trainer.strategy.root_device)
            self._restored = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what the epoch before left."""
        self._write_between_epochs(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Write when it is time, or when a signal asks to stop."""
        if not can_go_on_from_here(trainer):
            return
        stop = self._asked_to_stop(trainer)
        if stop or trainer.global_step - self._written >= self.every_n_steps or is_last_chance(trainer):
            self._write(trainer)
        if stop:
            self._stop(trainer)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop when a signal asks for it: what validation needs was written one step before it began."""
        if not trainer.sanity_checking and self._asked_to_stop(trainer):
            self._stop(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that there is a value to choose by."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep these weights if they are the best so far."""
        if not self._validated:
            if self.best is None:
                self._write_best(trainer)
            return
        self._validated = False
        if self.keeps(trainer):
            self.best = float(trainer.callback_metrics[self.monitor])
            self._write_best(trainer)

    def keeps(self, trainer: Trainer) -> bool:
        """Whether the value at hand is better than all before; a first one that is NaN gives way to any other.

        Raises:
            UserError: there is no value of that name.
        """
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(key for key in trainer.callback_metrics if key.startswith("val/")))
            raise UserError(f"monitor={self.monitor}: nothing of this name is logged; there are {known}.")
        value = float(trainer.callback_metrics[self.monitor])
        if self.best is None or self.best != self.best:
            return True
        return value < self.best if self.mode == "min" else value > self.best

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the end of training, so that finishing may be cut as well."""
        self._write_between_epochs(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning leaves out."""
        checkpoint["progress"] = {
            "best": self.best,
            "logged": self.folder.metrics.stat().st_size if self.folder.metrics.is_file() else 0,
            "metrics": {key: value for key, value in trainer.callback_metrics.items() if isinstance(value, Tensor)},
            "random": gather(read_random_states(trainer.strategy.root_device)),
            "seconds": time.perf_counter() - self._start,
            "should_stop": bool(trainer.should_stop),
            "validated": self._validated,
        }
        if self._between_epochs:
            begin_next_epoch(checkpoint["loops"]["fit_loop"])

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take it back; random states wait for the end of start-up."""
        self._restored = checkpoint["progress"]
        self.best, self._spent = self._restored["best"], self._restored["seconds"]
        self._validated = self._restored["validated"]
        trainer.should_stop = self._restored["should_stop"]

    def _write_between_epochs(self, trainer: Trainer) -> None:
        if trainer.global_step > self._written:
            self._between_epochs = True
            self._write(trainer)
            self._between_epochs = False
        if self._asked_to_stop(trainer):
            self._stop(trainer)

    def _write_best(self, trainer: Trainer) -> None:
        require_finite(trainer, self.folder)
        trainer.save_checkpoint(self.folder.best, weights_only=True)

    def _write(self, trainer: Trainer) -> None:
        require_finite(trainer, self.folder)
        trainer.save_checkpoint(self.folder.last, weights_only=False, storage_options=self.folder.previous)
        self._written = trainer.global_step

    def _asked_to_stop(self, trainer: Trainer) -> bool:
        """Whether any rank was."""
        return trainer.strategy.reduce_boolean_decision(STOP.received is not None, all=False)

    def _stop(self, trainer: Trainer) -> None:
        where = f" (step {self._written:,}, epoch {trainer.current_epoch})"
        STOP.answer(STOP.received or STOPPING[0], where)


def can_go_on_from_here(trainer: Trainer) -> bool:
    """Whether this batch ends an optimizer step and neither validation nor the end of the epoch or of training follows.

    Lightning cannot be made to go on between the last batch and what follows it.
    """
    loop = trainer.fit_loop.epoch_loop
    done = loop.batch_progress.current.ready
    return not (loop._should_accumulate() or loop._is_training_done or done % _until_validation(trainer) == 0)


def is_last_chance(trainer: Trainer) -> bool:
    """Whether the next optimizer step is the last before validation or the end of the epoch, which may take long."""
    done, last = trainer.fit_loop.epoch_loop.batch_progress.current.ready, _until_validation(trainer)
    return done % last + trainer.accumulate_grad_batches >= last


def _until_validation(trainer: Trainer) -> float:
    return trainer.val_check_batch or math.inf


def begin_next_epoch(fit_loop: dict[str, Any]) -> None:
    """Let the loops of a checkpoint that is written as an epoch begins start with that epoch, from its first batch."""
    for counts in fit_loop["epoch_progress"].values():
        counts["ready"] = counts["completed"]
    fit_loop["state_dict"].pop("combined_loader", None)
