"""``progress.json``: how far a run is, for whoever looks at its folder."""

import time
from typing import Any

from lightning import Callback, LightningModule, Trainer

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.checkpoints import Checkpoints
from cxr_xai.files import write_json


class ProgressFile(Callback):
    """Writes optimizer steps, epochs and the best value so far, whole, at most every few seconds.

    ``pace`` is seconds per step since this process began, validation and maps of finished epochs included; null before
    it is known.

    Args:
        folder: of the run.
        monitor: the value that chooses the best epoch.
        seconds: between two writes at least; the first and the last are always written.
    """

    def __init__(self, folder: RunFolder, monitor: str, seconds: float = 3.0) -> None:
        self.folder, self.monitor, self.seconds = folder, monitor, seconds
        self._start = self._written = 0.0
        self._first = self._steps = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember where this process began."""
        self._steps = int(trainer.estimated_stepping_batches)
        self._start, self._first = time.monotonic(), trainer.global_step
        self._write(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write, if it is time."""
        if time.monotonic() - self._written >= self.seconds:
            self._write(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write where it ended."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        self._written = time.monotonic()
        done, passed = trainer.global_step - self._first, self._written - self._start
        keeper = trainer.checkpoint_callback
        progress = {
            "step": trainer.global_step,
            "steps": self._steps,
            "epoch": trainer.current_epoch,
            "epochs": trainer.max_epochs,
            "monitor": self.monitor,
            "best": keeper.best if isinstance(keeper, Checkpoints) else None,
            "pace": passed / done if done else None,
            "updated": time.time(),
        }
        write_json(self.folder.progress, progress)
