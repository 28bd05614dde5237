"""The LightningModule: everything it needs is handed in."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from cxr_xai.data.tta.contract import Tta
from cxr_xai.data.tta.none import NoTta
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.classification import auroc, macro_mean
from cxr_xai.models.classifier import compile_trunk
from cxr_xai.training.predictions import Predictions
from cxr_xai.types import Batch

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
MakeScheduler = Callable[[torch.optim.Optimizer], Any]


class ChestXrayModule(LightningModule):
    """Trains a classifier and gathers what it predicts.

    Args:
        model: ``(N, 1, H, W)`` films in [0, 1] → ``(N, K)`` logits.
        loss: ``(N, K)`` logits and targets → scalar; targets may be NaN.
        make_optimizer: parameters → optimizer.
        make_scheduler: optimizer → scheduler stepped every epoch, or None.
        monitor: what a plateau scheduler watches.
        compiled: compile the trunk for training; validation, predictions and explainers run it as it is written.
        tta: views of a film whose logits are averaged in prediction; None takes the plain film.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        make_optimizer: MakeOptimizer,
        make_scheduler: MakeScheduler | None = None,
        monitor: str = "val/loss",
        compiled: bool = False,
        tta: Tta | None = None,
    ) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        self.make_optimizer, self.make_scheduler, self.monitor = make_optimizer, make_scheduler, monitor
        self.compiled, self.tta = compiled, NoTta() if tta is None else tta
        if compiled:
            compile_trunk(model)
        self._loss_sums = torch.zeros(2)  # over this epoch's studies, of loss and of 1; no buffer: ranks differ
        self.val = Predictions()
        self.predicted = [Predictions() for _ in range(3)]  # val, test, and what few splits hold out
        self._predicted = nn.ModuleList(self.predicted)  # registered, so that they move with the module
        self.gathered: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, image: Tensor) -> Tensor:
        """Return ``(N, K)`` logits; outside of training never by compiled code, which would be made for each size."""
        eager = self.compiled and not self.training
        with torch.compiler.set_stance("force_eager") if eager else nullcontext():
            logits: Tensor = self.model(image)
            return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step of training."""
        loss: Tensor = self.loss(self(batch.image), batch.target)
        size = len(batch.index)
        sums = torch.stack([loss.detach().float() * size, torch.tensor(float(size), device=loss.device)])
        self._loss_sums = self._loss_sums.to(loss.device) + sums
        return loss

    def on_train_epoch_end(self) -> None:
        """Log the mean loss of the epoch over all studies and processes."""
        loss, studies = self._joined_loss_sums()
        self.log("train/loss", loss / studies, prog_bar=True)
        self._loss_sums = torch.zeros(2)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the sums behind the epoch's mean loss, so that a cut in mid-epoch does not lose them."""
        checkpoint["loss_sums"] = self._joined_loss_sums().cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the sums back; the first process holds those of all."""
        if self.global_rank == 0:
            self._loss_sums = checkpoint["loss_sums"]

    def _joined_loss_sums(self) -> Tensor:
        joined: Tensor = self.trainer.strategy.reduce(
            self._loss_sums.to(self.device, copy=True),
            reduce_op="sum",  # it works in place
        )
        return joined

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Gather a batch of val."""
        self.val.update(batch.index, self(batch.image), batch.target)

    def on_validation_epoch_end(self) -> None:
        """Log the loss and AUROC of val over all its studies, each once: equal on one process and on several."""
        _, logits, target = self.val.compute()
        self.val.reset()
        loss = self.loss(logits.to(self.device), target.to(self.device))
        per_finding = auroc(target.numpy(), torch.sigmoid(logits.double()).numpy())
        # Every rank holds the same gathered studies, so no reduction is needed.
        self.log("val/loss", loss, prog_bar=True, rank_zero_only=False)
        self.log("val/auroc/macro", macro_mean(per_finding)[0], prog_bar=True)
        self.log_dict({f"val/auroc/{name}": float(value) for name, value in zip(FINDINGS, per_finding, strict=True)})

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Gather a batch of val (loader 0) or test (loader 1) and return its logits."""
        logits = self.tta(self, batch.image)
        self.predicted[dataloader_idx].update(batch.index, logits, batch.target)
        return logits

    def on_predict_epoch_end(self) -> None:
        """Join what all processes predicted: ``gathered`` holds rows, logits and targets of each part, val first."""
        self.gathered = [part.joined() for part in self.predicted if part.index]
        for part in self.predicted:
            part.reset()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build optimizer and scheduler over the parameters that train."""
        optimizer = self.make_optimizer(p for p in self.model.parameters() if p.requires_grad)
        if self.make_scheduler is None:
            return optimizer
        scheduler = self.make_scheduler(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": self.monitor}}
