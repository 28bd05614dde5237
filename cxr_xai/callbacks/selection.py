"""Every epoch: how well its maps lie in the boxes of the selection fold, and a score of AUROC and localization."""

from typing import Any, Literal

import pandas as pd
from lightning import Callback, LightningModule, Trainer

from cxr_xai.artifacts.pareto import add_epoch
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.callbacks.checkpoints import Checkpoints
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.split import SELECTION
from cxr_xai.errors import UserError
from cxr_xai.explainers.contract import Explainer

AUROC = "val/auroc/macro"
SCORE = "selection/score"
MEANS = ("energy", "iou", "pointing")

DIGITS = 4
"""AUROC and localization are compared in ten-thousandths: neither is known better, and a score in single precision
still tells a point from one that dominates it."""


class Selection(Callback):
    """Explains the selection fold after every validated epoch and logs ``selection/…``, before the best is chosen.

    ``selection/score`` is ``weight · AUROC + (1 − weight) · localization``. With a weight between 0 and 1 its largest
    value is at a point of the Pareto front: whatever dominates another point scores higher (Geoffrion 1968). A split
    without a selection fold is left alone. Training is bit-identical to training without.

    Models that are trained for classification and localization are compared by their Pareto front in Rao et al. 2023
    (https://arxiv.org/abs/2303.11932).

    Args:
        explainer: makes the maps.
        datamodule: has the fold.
        folder: the run folder: ``pareto.csv``, and the ledger that notes every scoring.
        weight: of the AUROC, at least .01 from 0 and from 1.
        localization: which mean over findings is the other half of the score.
    """

    def __init__(
        self,
        explainer: Explainer,
        datamodule: ChestXrayDataModule,
        folder: RunFolder,
        weight: float = 0.5,
        localization: Literal["energy", "iou", "pointing"] = "energy",
    ) -> None:
        super().__init__()
        if not 0.01 <= weight <= 0.99:
            raise UserError(
                f"callbacks.selection.weight is {weight}; it must lie between 0.01 and 0.99, or an epoch could be "
                "chosen that another one beats in AUROC or localization and equals in the other."
            )
        self.explainer, self.datamodule, self.folder = explainer, datamodule, folder
        self.weight, self.localization = weight, localization
        self.probe: BoxProbe | None = None
        self._validated = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the fold.

        Raises:
            UserError: no boxed study of it has a film.
        """
        if SELECTION not in self.datamodule.split.parts:
            return
        self.probe = BoxProbe(self.datamodule, self.explainer, SELECTION, folder=self.folder)
        if not len(self.probe.rows):
            raise UserError("no boxed study of the selection fold has a film; unpack more, or use split.selection=0.")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that there is an AUROC of these weights."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Explain, log, and note the epoch's place; every rank comes to the same score."""
        if self.probe is None or not self._validated:
            return
        self._validated = False
        explained = self.probe.explain(pl_module.model, pl_module.device, trainer.current_epoch)
        means = macro_means(explained.scores)
        auroc = round(float(trainer.callback_metrics[AUROC]), DIGITS)
        found = round(means[self.localization], DIGITS)
        score = combine(auroc, found, self.weight)
        logged = {f"{SELECTION}/{key}/macro": value for key, value in means.items()} | {SCORE: score}
        pl_module.log_dict(logged, rank_zero_only=False)
        keeper = trainer.checkpoint_callback
        if trainer.is_global_zero:
            keeps = isinstance(keeper, Checkpoints) and keeper.keeps(trainer)
            add_epoch(self.folder.pareto, trainer.current_epoch, auroc, found, score, keeps)

    def state_dict(self) -> dict[str, Any]:
        """Return whether val was run in the epoch that is on."""
        return {"validated": self._validated}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self._validated = state_dict["validated"]


def macro_means(scores: pd.DataFrame) -> dict[str, float]:
    """Return energy, IoU and pointing, each the mean over the findings that have a box; a dead map scores 0.

    Args:
        scores: one row per study and boxed finding. However few boxes a finding has, it counts as one finding.
    """
    alive = scores.assign(**{key: scores[key].fillna(0.0) for key in MEANS})
    by_finding = alive.groupby("finding")[list(MEANS)].mean()
    return {key: float(by_finding[key].mean()) for key in MEANS}


def combine(auroc: float, localization: float, weight: float) -> float:
    """Return ``weight · auroc + (1 − weight) · localization``.

    >>> combine(0.8, 0.4, weight=0.5)
    0.6000000000000001
    """
    return weight * auroc + (1 - weight) * localization
