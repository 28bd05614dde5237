"""Every epoch: explain the monitored boxed studies once, hand the maps to consumers, say what it cost."""

import time
from collections.abc import Mapping
from typing import Any

from lightning import Callback, LightningModule, Trainer

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.callbacks.consumers import Consumer
from cxr_xai.errors import UserError
from cxr_xai.explainers.contract import Explainer


class ExplainEpoch(Callback):
    """Explains the probe set after every n-th epoch; training with it is bit-identical to training without.

    Films are read by row, not through a loader, because a loader's iterator draws from the global random state.
    The probe is watched, never used: nothing under ``probe/`` drives checkpoints, stopping or thresholds.

    Args:
        explainer: makes the maps.
        consumers: by name: score, draw, store; None is switched off.
        every_n_epochs: 1 explains after each epoch; the last epoch is always explained by the final pass.
        max_studies: budget of the probe set, in studies.
        folder: the run folder, whose ledger notes every scoring.
    """

    def __init__(
        self,
        explainer: Explainer,
        consumers: Mapping[str, Consumer | None],
        every_n_epochs: int = 1,
        max_studies: int | None = None,
        folder: RunFolder | None = None,
    ) -> None:
        super().__init__()
        if every_n_epochs < 1:
            raise UserError(f"callbacks.explain.every_n_epochs is {every_n_epochs}; it must be 1 or more.")
        if max_studies is not None and max_studies < 1:
            raise UserError(f"callbacks.explain.max_studies is {max_studies}; it must be 1 or more, or null for all.")
        self.explainer, self.folder = explainer, folder
        self.consumers = [consumer for consumer in consumers.values() if consumer is not None]
        self.every_n_epochs, self.max_studies = every_n_epochs, max_studies
        self.probe: BoxProbe | None = None
        self.seconds, self.epoch_seconds = 0.0, 0.0
        self._epoch_start = self._spent = 0.0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the probe set; prior and ceiling are computed with the first maps."""
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        self.probe = BoxProbe(datamodule, self.explainer, "monitored", self.max_studies, folder=self.folder)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; after a cut the epoch began as long ago as it had lasted."""
        self._epoch_start = time.perf_counter() - self._spent

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the epoch."""
        self._epoch_start = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Explain, hand on, and log the share of the epoch that this took."""
        start = time.perf_counter()
        probe = self.probe
        if probe is not None and len(probe.rows) and trainer.current_epoch % self.every_n_epochs == 0:
            explained = probe.explain(pl_module.model, pl_module.device, trainer.current_epoch)
            for consumer in self.consumers:
                pl_module.log_dict(consumer.consume(explained, trainer), rank_zero_only=False)
        now = time.perf_counter()
        self.seconds += now - start
        self.epoch_seconds += now - self._epoch_start
        pl_module.log("probe/seconds", now - start)
        pl_module.log("probe/share_of_epoch", (now - start) / (now - self._epoch_start))

    def state_dict(self) -> dict[str, Any]:
        """Return the seconds so far, those of the epoch that is on included."""
        spent = time.perf_counter() - self._epoch_start
        return {"seconds": self.seconds, "epoch_seconds": self.epoch_seconds, "spent": spent}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.seconds, self.epoch_seconds = state_dict["seconds"], state_dict["epoch_seconds"]
        self._spent = state_dict["spent"]

    @property
    def share(self) -> float:
        """Share of all epochs' time that explaining took, this process alone."""
        return self.seconds / self.epoch_seconds if self.epoch_seconds else float("nan")
