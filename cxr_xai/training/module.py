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
from cxr_xai.explainers.exact_cam import exact_cam
from cxr_xai.findings import FINDINGS
from cxr_xai.finetune.contract import Finetune
from cxr_xai.metrics.classification import auroc, macro_mean
from cxr_xai.models.classifier import compile_trunk
from cxr_xai.training.averaging import weigh_means, world
from cxr_xai.training.guide import Guide
from cxr_xai.training.predictions import Predictions
from cxr_xai.training.schedulers.start import start_scheduler
from cxr_xai.training.unfreezing import make_parameter_groups, scale_optimizer, unfreeze
from cxr_xai.types import Batch

MakeOptimizer = Callable[[Iterable[Any]], torch.optim.Optimizer]
"""Weights, or groups of them with settings of their own, to an optimizer over them."""
MakeScheduler = Callable[..., Any]


class ChestXrayModule(LightningModule):
    """Trains a classifier and gathers what it predicts.

    Args:
        model: ``(N, 1, H, W)`` films in [0, 1] → ``(N, K)`` logits.
        loss: ``(N, K)`` logits and targets → scalar; targets may be NaN.
        make_optimizer: parameters → optimizer.
        make_scheduler: optimizer → scheduler stepped every epoch, or None; one that takes ``steps_per_epoch`` is
            stepped with the optimizer.
        monitor: what a plateau scheduler watches.
        finetune: which groups of layers train in which epoch; None trains every weight that has gradients.
        guide: judges where evidence lies; the model then needs ``features``, ``classify`` and ``head``.
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
        finetune: Finetune | None = None,
        guide: Guide | None = None,
        compiled: bool = False,
        tta: Tta | None = None,
    ) -> None:
        super().__init__()
        self.model, self.loss, self.guide = model, loss, guide
        self.make_optimizer, self.make_scheduler, self.monitor = make_optimizer, make_scheduler, monitor
        self.finetune, self._groups_training = finetune, 0
        self.compiled, self.tta = compiled, NoTta() if tta is None else tta
        if compiled:
            compile_trunk(model)
        self._loss_sums = torch.zeros(2)  # over this epoch's studies, of loss and of 1; no buffer: ranks differ
        self._guidance_sums = torch.zeros(2)  # over this epoch's guided pairs, likewise
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

    def on_train_start(self) -> None:
        """Freeze what does not train in this epoch, one that goes on in its middle included."""
        self._unfreeze()

    def on_train_epoch_start(self) -> None:
        """Unfreeze what trains from this epoch on."""
        self._unfreeze()

    def _unfreeze(self) -> None:
        if self.finetune is not None:
            self._groups_training = unfreeze(self, self.model, self.finetune, self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step of training: the loss of the labels, and of the maps where they are guided."""
        if self.guide is None:
            logits, terms = self(batch.image), None
        else:
            logits, terms = self._forward_guided(self.guide, batch)
        loss: Tensor = self.loss(logits, batch.target)
        size = len(batch.index)
        sums = torch.stack([loss.detach().float() * size, torch.tensor(float(size), device=loss.device)])
        self._loss_sums = self._loss_sums.to(loss.device) + sums
        return self._join(loss, batch.target, terms)

    def _forward_guided(self, guide: Guide, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return ``(N, K)`` logits and the ``(M,)`` terms of the guided pairs, which are noted."""
        model: Any = self.model
        features: Tensor = model.features(batch.image)
        logits = model.classify(features)
        with torch.autocast(features.device.type, enabled=False):  # shares of bf16 sums would be coarse
            maps = exact_cam(features.float(), model.head.weight.float())
            terms = guide(maps, batch, self.current_epoch)
        sums = torch.stack([terms.detach().sum(), terms.new_tensor(float(len(terms)))])
        self._guidance_sums = self._guidance_sums.to(terms.device) + sums
        return logits, terms

    def _join(self, loss: Tensor, target: Tensor, terms: Tensor | None) -> Tensor:
        """Return what to differentiate: over the processes it averages to the loss of the joined batch."""
        if terms is None and world()[1] == 1:
            return loss
        pairs = 0 if terms is None else len(terms)
        weights = weigh_means(torch.stack([(~target.isnan()).sum().float(), loss.new_tensor(float(pairs))]))
        joined = weights[0] * loss
        if terms is not None and self.guide is not None:
            joined = joined + weights[1] * self.guide.term.weight * terms.sum() / max(pairs, 1)
        return joined

    def on_train_epoch_end(self) -> None:
        """Log the mean loss of the epoch over all studies and processes, groups that trained, what guidance added."""
        loss, studies = self._join_sums(self._loss_sums)
        self.log("train/loss", loss / studies, prog_bar=True)
        if self.finetune is not None and self.finetune.freezes:
            self.log("train/groups", float(self._groups_training))
        self._loss_sums = torch.zeros(2)
        if self.guide is not None:
            term, pairs = self._join_sums(self._guidance_sums)
            self.log_dict({"train/guidance": term / pairs, "train/guided_pairs": pairs})  # NaN of no pairs
            self._guidance_sums = torch.zeros(2)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the sums behind the epoch's means, so that a cut in mid-epoch does not lose them."""
        checkpoint["loss_sums"] = self._join_sums(self._loss_sums).cpu()
        if self.guide is not None:
            checkpoint["guidance_sums"] = self._join_sums(self._guidance_sums).cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the sums back; the first process holds those of all."""
        if self.global_rank == 0:
            self._loss_sums = checkpoint["loss_sums"]
            self._guidance_sums = checkpoint.get("guidance_sums", torch.zeros(2))

    def _join_sums(self, sums: Tensor) -> Tensor:
        joined: Tensor = self.trainer.strategy.reduce(
            sums.to(self.device, copy=True),
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
        optimizer = scale_optimizer(self.make_optimizer(self._parameters_to_optimize()))
        if self.make_scheduler is None:
            return optimizer
        trainer = self._trainer  # none yet where settings are tried
        scheduler = start_scheduler(self.make_scheduler, optimizer, trainer, self.monitor)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def _parameters_to_optimize(self) -> Iterable[Any]:
        if self.finetune is None:
            return (p for p in self.model.parameters() if p.requires_grad)
        return make_parameter_groups(self.model, self.finetune)
