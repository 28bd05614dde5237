"""Joins boxes, explainer and metrics: explains boxed studies and scores their maps beside prior and ceiling."""

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from cxr_xai.artifacts.ledger import What, note_read
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.explained import Explained
from cxr_xai.callbacks.ranks import gather_rows
from cxr_xai.data.boxes import pair_boxes
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.masks import PackedMasks
from cxr_xai.explainers.contract import Explainer
from cxr_xai.findings import INDEX
from cxr_xai.metrics.prior import build_prior
from cxr_xai.metrics.scoring import POLICIES, Policy, cross_fit_levels, reference_scores, score_maps
from cxr_xai.training.averaging import world

SCORED = ("pointing", "energy", "energy_ratio", "iou", "iobb", "mask_iou")
THRESHOLD: float = 0.5
"""Of the region, relative to the map's maximum; the headline's, and fixed before any box was seen."""

RULE: Literal["all", "largest"] = "all"
"""The region's box is drawn around all of it."""

READ: dict[str, What] = {"monitored": "monitored boxes", "sealed": "sealed boxes", "selection": "selection boxes"}
POLICY_SCORES = ("iou_quantile", "iou_otsu", "iou_cross_fitted", "wang_iou", "wang_iobb", "wang_false")
"""Other ways from map to box, for the sealed half alone."""

REFERENCES = (
    *("prior_pointing", "prior_energy", "prior_iou", "ceiling_energy", "ceiling_iou", "prior_iobb"),
    *(f"prior_{key}" for key in POLICY_SCORES),
)


@dataclass(frozen=True)
class Pairs:
    """The (study, boxed finding) pairs of a set of studies.

    Attributes:
        table: ``image_id, patient_id, finding, boxes`` (their number).
        position: ``(M,)`` position of each pair's study among the explained rows.
        finding: ``(M,)`` column of each pair's finding.
        boxes: xyxy pixels, one ``(B, 4)`` tensor per pair.
        masks: the marked pixels of each pair; None where boxes are all that is known.
    """

    table: pd.DataFrame
    position: npt.NDArray[np.int64]
    finding: npt.NDArray[np.int64]
    boxes: list[Tensor]
    masks: PackedMasks | None


class BoxProbe:
    """Explains and scores the boxed studies of one half, or of the selection fold.

    What does not depend on the model (prior and ceiling of each box) is computed once per grid.

    Args:
        datamodule: the source of films and boxes.
        explainer: makes the maps.
        half: ``monitored``, ``sealed`` or ``selection``.
        max_studies: at most so many, chosen by hash of the image id, the same in every run; None takes all.
        threshold: of the region, relative to the map's maximum.
        rule: the box around the ``all`` region or its ``largest`` component.
        folder: of the run, whose ledger notes every scoring; None notes nothing.
        rows: boxed studies with a film, in place of those of the half.
    """

    def __init__(
        self,
        datamodule: ChestXrayDataModule,
        explainer: Explainer,
        half: str,
        max_studies: int | None = None,
        threshold: float = THRESHOLD,
        rule: Literal["all", "largest"] = RULE,
        folder: RunFolder | None = None,
        rows: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.datamodule, self.explainer, self.half, self.folder = datamodule, explainer, half, folder
        self.threshold, self.rule = threshold, rule
        rows = datamodule.boxed_rows(half) if rows is None else rows
        self.rows = choose_rows(datamodule.index.studies["image_id"], rows, max_studies)
        self.pairs = self._pairs()
        self._references: dict[tuple[tuple[int, int], tuple[Policy, ...]], pd.DataFrame] = {}

    def explain(self, model: nn.Module, device: torch.device, epoch: int) -> Explained:
        """Explain every study once (each rank its share, joined on all ranks) and score every boxed finding."""
        attribution, logits, residual = gather_rows(partial(self._explain_rows, model, device), len(self.rows))
        return self.score(attribution, logits, epoch, residual)

    def score(self, attribution: Tensor, logits: Tensor, epoch: int, residual: Tensor | None = None) -> Explained:
        """Score every boxed finding on maps that are there: ``(n, K, h, w)`` of this half's studies, in their order.

        Residuals are ``(n, K)``; stored maps have none.
        """
        if self.folder is not None and world()[0] == 0:
            note_read(self.folder.ledger, READ[self.half], f"maps of epoch {epoch}", len(self.pairs.table))
        maps = attribution[self.pairs.position, self.pairs.finding]
        size = self.datamodule.image_size
        judged = (self.pairs.boxes, size, self.threshold, self.rule, self._policies(), self.pairs.masks)
        scores = score_maps(maps, *judged)
        cross_fit_levels(scores, *self._owners())
        regions = scores.pop("region_box").numpy()
        height, width = attribution.shape[-2:]
        table = self.pairs.table.assign(epoch=epoch, half=self.half, explainer=self.explainer.name)
        table["grid"] = f"{height}x{width}"
        table["prob"] = torch.sigmoid(logits[self.pairs.position, self.pairs.finding]).numpy()
        table["dead"] = scores["dead"].numpy()
        apart = torch.full_like(logits, torch.nan) if residual is None else residual
        table["residual"] = apart[self.pairs.position, self.pairs.finding].numpy()
        for key in (*SCORED, *POLICY_SCORES):
            table[key] = scores[key].numpy() if key in scores else np.nan
        table = pd.concat([table, self.references((height, width))], axis=1)
        return Explained(self.explainer.name, epoch, self.half, self.rows, attribution, logits, table, regions)

    def references(self, grid: tuple[int, int], policies: tuple[Policy, ...] | None = None) -> pd.DataFrame:
        """Return prior and ceiling of each pair for maps on this grid, scored by the same code as the maps.

        Args:
            grid: ``(h, w)``.
            policies: further ways from map to box that the prior is scored by; None takes those of this half.
        """
        key = (grid, self._policies() if policies is None else policies)
        if key not in self._references:
            self._references[key] = self._compute_references(*key)
        return self._references[key]

    def _explain_rows(self, model: nn.Module, device: torch.device, positions: npt.NDArray[np.int64]) -> Any:
        dataset, size = self.datamodule.dataset_of(self.rows), self.datamodule.batch_size
        parts = []
        for start in range(0, len(positions), size):
            batch = self.datamodule.plain(dataset.batch(self.rows[positions[start : start + size]]), 0)
            explanation = self.explainer.explain(model, batch.image.to(device))
            logits, apart = explanation.logits.cpu(), explanation.residual
            residual = torch.full_like(logits, torch.nan) if apart is None else apart.cpu()
            parts.append((explanation.attribution.cpu(), logits, residual))
        return tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True)) if parts else None

    def _compute_references(self, grid: tuple[int, int], policies: tuple[Policy, ...]) -> pd.DataFrame:
        prior, size = build_prior(self.datamodule.index.boxes), self.datamodule.image_size
        keys = list(zip(self.pairs.table["finding"], self.pairs.table["patient_id"], strict=True))
        columns = reference_scores(
            self.pairs.boxes, keys, prior, grid, size, self.threshold, self.rule, policies, self.pairs.masks
        )
        cross_fit_levels(columns, *self._owners())
        nothing = np.full(len(keys), np.nan)
        return pd.DataFrame({key: columns[key].numpy() if key in columns else nothing for key in REFERENCES})

    def _policies(self) -> tuple[Policy, ...]:
        return POLICIES if self.half == "sealed" else ()

    def _owners(self) -> tuple[list[str], list[str]]:
        """Return finding and patient of every pair."""
        return self.pairs.table["finding"].tolist(), self.pairs.table["patient_id"].tolist()

    def _pairs(self) -> Pairs:
        index = self.datamodule.index
        studies = index.studies.iloc[self.rows]
        position = pd.Series(np.arange(len(studies)), index=studies["image_id"])
        boxes = index.boxes[index.boxes["image_id"].isin(position.index)]
        boxes = boxes.assign(position=position.loc[boxes["image_id"]].to_numpy())
        found = pair_boxes(
            boxes.sort_values(["position", "finding"], kind="stable"), self.datamodule.image_size, index.masks
        )
        return Pairs(
            found.table,
            np.array(position.loc[found.table["image_id"]], np.int64),
            np.array([INDEX[name] for name in found.table["finding"]], np.int64),
            found.boxes,
            found.masks,
        )


def choose_rows(
    image_ids: "pd.Series[str]", rows: npt.NDArray[np.int64], max_studies: int | None
) -> npt.NDArray[np.int64]:
    """Return at most ``max_studies`` of ``rows``, by hash of the image id, in ascending order."""
    if max_studies is None or len(rows) <= max_studies:
        return rows
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in image_ids.iloc[rows]]
    return np.sort(rows[np.argsort(hashes)[:max_studies]])
