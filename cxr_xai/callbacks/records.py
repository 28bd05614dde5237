"""Lets loggers that keep a row an epoch write it when nothing more of that epoch can come."""

from lightning import Callback, LightningModule, Trainer


class Records(Callback):
    """Asks loggers for their rows as training begins, between epochs and at its end.

    It comes before the checkpoint that is written there: a row that is written twice is known by its epoch, one that
    was never written would have lost its pictures.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make up for rows that were lost."""
        self._record(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the row of the epoch before."""
        self._record(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the row of the last epoch."""
        self._record(trainer)

    def _record(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                if hasattr(logger, "record"):
                    logger.record()
