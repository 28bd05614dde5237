"""Every epoch: how often each finding was served to training, beside how often the balancing said it would be."""

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch


def count_labels(target: Tensor) -> Tensor:
    """Return ``(2, K)`` sums over ``(N, K)`` targets: of the labels that are known, and of how many are known.

    Soft labels count by their value; NaN is unknown. Sums are float32, whatever the precision of training.

    >>> count_labels(torch.tensor([[1.0, torch.nan], [0.5, torch.nan]]))
    tensor([[1.5000, 0.0000],
            [2.0000, 0.0000]])
    """
    return torch.stack([target.nansum(dim=0, dtype=torch.float32), (~target.isnan()).sum(dim=0)])


class Frequencies(Callback):
    """Logs ``train/frequency/<finding>`` and ``train/frequency_expected/<finding>``: shares of known labels.

    Labels are counted as the model meets them, after draws, synthetic studies and transforms, on all ranks together,
    studies repeated for even shares included. A finding without known labels has NaN.

    Args:
        datamodule: says what is expected.
    """

    def __init__(self, datamodule: ChestXrayDataModule) -> None:
        super().__init__()
        self.datamodule = datamodule
        self._counts: Tensor | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin at zero."""
        self._counts = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Count, on the device: nothing is waited for."""
        counts = count_labels(batch.target)
        self._counts = counts if self._counts is None else self._counts + counts

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add what all ranks counted, so that a cut in mid-epoch does not lose it."""
        if self._counts is not None:
            checkpoint["frequencies"] = trainer.strategy.reduce(self._counts.clone(), reduce_op="sum").cpu()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take the counts back; the first rank holds those of all."""
        if trainer.is_global_zero and "frequencies" in checkpoint:
            self._counts = checkpoint["frequencies"].to(trainer.strategy.root_device)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Join the ranks and log."""
        if self._counts is None:
            return
        present, known = trainer.strategy.reduce(self._counts, reduce_op="sum").double().cpu()
        expected = self.datamodule.drawn_prevalence
        realized = (present / known).tolist()  # 0 / 0 is NaN
        pl_module.log_dict(
            {f"train/frequency/{name}": share for name, share in zip(FINDINGS, realized, strict=True)}
            | {f"train/frequency_expected/{name}": float(p) for name, p in zip(FINDINGS, expected, strict=True)},
            rank_zero_only=False,
        )
