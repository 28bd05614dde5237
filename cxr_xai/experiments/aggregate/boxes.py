"""Localization over the folds' sealed boxes: each boxed pair once, its scores averaged over the models that saw it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.cells import Cell, whole_or_refused
from cxr_xai.experiments.aggregate.found import FOUND, Judged, judge, summarize_found
from cxr_xai.experiments.aggregate.refuse import Design
from cxr_xai.experiments.box_summary import MIN_BOXES
from cxr_xai.experiments.summary import SCORES
from cxr_xai.findings import BOXED, boxed_among
from cxr_xai.metrics.skill import macro_skill, skill
from cxr_xai.stats.bootstrap import draw_patient_counts, mean_replicates, means_behind
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.weightings import mean_defined

Floats = npt.NDArray[np.float64]
KEPT = ("explainer", "image_id", "patient_id", "finding", "boxes", "dead", *SCORES)


@dataclass(frozen=True)
class Boxes:
    """The sealed boxed pairs of all arms under one explainer, row by row the same.

    Attributes:
        patients: ``(R,)``.
        finding: ``(R,)`` numbers of ``names``.
        fold: ``(R,)`` the fold whose test has the pair; -1 where every fold's model was scored on it.
        boxes: ``(R,)`` boxes of the pair.
        scores: arm → ``(R, C)`` columns ``SCORES``, means over models, dead maps 0.
        dead: arm → maps that were dead, over all models.
        maps: arm → maps that were scored.
        shares: arm → ``(R, 24)`` columns ``FOUND``, judged map by map, means over models.
        names: the boxed findings, of the release and of the pairs.
    """

    patients: npt.NDArray[np.str_]
    finding: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int64]
    scores: dict[str, Floats]
    dead: dict[str, int]
    maps: dict[str, int]
    shares: dict[str, Floats]
    names: tuple[str, ...] = BOXED

    @property
    def number(self) -> Floats:
        """``(F,)`` boxes of each finding."""
        return np.bincount(self.finding, self.boxes, len(self.names)).astype(np.float64)


Tables = Mapping[str, pd.DataFrame]
"""Arm → a row per run and sealed boxed pair: ``KEPT``, ``FOUND``, ``seed``, ``fold`` and ``pred``, whether its run
predicts the finding."""


def read_tables(design: Design) -> Tables:
    """Read the sealed half of every run.

    Raises:
        UserError: a file is damaged, or a run did not predict a study that it was scored on.
    """
    return {arm: _read_arm([cell for folds in runs.values() for cell in folds]) for arm, runs in design.items()}


def _read_arm(cells: Sequence[Cell]) -> pd.DataFrame:
    tables = [pd.DataFrame(columns=[*KEPT, *FOUND, "seed", "fold", "pred"])]
    for cell in cells:
        if cell.folder.localization.is_file():
            with whole_or_refused(cell.folder.localization):
                table = pd.read_parquet(cell.folder.localization, filters=[("half", "==", "sealed")])
                table = table[table["epoch"] == table["epoch"].max()]
                table = pd.concat([table[list(KEPT)], judge(table)], axis=1)
            tables.append(_with_preds(cell, table).assign(seed=cell.seed, fold=cell.fold or 0))
    return pd.concat([table for table in tables if len(table)] or tables, ignore_index=True)


def _with_preds(cell: Cell, table: pd.DataFrame) -> pd.DataFrame:
    keys = ["image_id", "finding"]
    with whole_or_refused(cell.folder.predictions):
        preds = pd.read_parquet(cell.folder.predictions, columns=[*keys, "pred"])
    preds = preds[preds["image_id"].isin(table["image_id"])].astype({"finding": str})
    found = table.astype({"finding": str}).merge(preds, on=keys, how="left", validate="many_to_one")
    if found["pred"].isna().any():
        image = found.loc[found["pred"].isna(), "image_id"].iloc[0]
        raise UserError(f"{cell.name} was scored on the boxes of {image}, which it did not predict; run it again.")
    return found.assign(pred=found["pred"] > 0)


def shared_explainers(tables: Tables) -> list[str]:
    """Return the explainers that all arms have."""
    return sorted(set.intersection(*(set(table["explainer"]) for table in tables.values())))


def join_boxes(explainer: str, tables: Tables) -> Boxes:
    """Put the arms' pairs side by side, each pair once.

    Raises:
        UserError: arms were scored on other pairs.
    """
    joined: dict[str, pd.DataFrame] = {}
    dead, maps = {}, {}
    for arm, table in tables.items():
        mine = table[table["explainer"] == explainer].copy()
        died = mine["dead"].to_numpy(bool)
        dead[arm], maps[arm] = int(died.sum()), len(mine)
        mine.loc[died, list(SCORES[:3])] = 0.0
        pairs = mine.groupby(["image_id", "finding"])
        means = pairs[[*SCORES, *FOUND]].mean()
        means = means.assign(patient_id=pairs["patient_id"].first(), boxes=pairs["boxes"].first())
        joined[arm] = means.assign(fold=pairs["fold"].first().where(pairs["fold"].nunique() == 1, -1))
    first, *others = joined.items()
    for arm, other in others:
        if not other.index.equals(first[1].index):
            raise UserError(f"arms {first[0]} and {arm} were scored on other boxed studies; one table holds one list.")
    table = first[1].reset_index()
    names = boxed_among(table["finding"])
    return Boxes(
        table["patient_id"].to_numpy(str),
        np.array([names.index(name) for name in table["finding"]], np.int64),
        table["fold"].to_numpy(np.int64),
        table["boxes"].to_numpy(np.int64),
        {arm: means[list(SCORES)].to_numpy(np.float64) for arm, means in joined.items()},
        dead,
        maps,
        {arm: means[list(FOUND)].to_numpy(np.float64) for arm, means in joined.items()},
        names,
    )


def summarize_boxes(boxes: Boxes, replicates: int, seed: int = 0) -> dict[str, Any]:
    """Return arm → ``findings macro pairs maps dead``, the mean IoU of each fold, ``curves`` and ``agreement``.

    Args:
        boxes: of one explainer.
        replicates: of the bootstrap.
        seed: of the draws, the same for all arms.
    """
    counts, codes = draw_patient_counts(boxes.patients, replicates, seed)
    once = np.ones((1, counts.shape[1]))
    pairs = np.bincount(boxes.finding, minlength=len(boxes.names))
    summary = {}
    for arm, scores in boxes.scores.items():
        value, drawn = (weigh(boxes, scores, weights, codes) for weights in (once, counts))
        ends = interval(value[0], drawn, None, "percentile", 0.95, *behind(boxes, scores, codes))
        rows = [
            {
                key: {"value": float(value[0, f, c]), "low": float(ends.low[f, c]), "high": float(ends.high[f, c])}
                for c, key in enumerate((*SCORES, "skill"))
            }
            for f in range(len(boxes.names) + 1)
        ]
        counted = boxes.number >= MIN_BOXES
        findings = {
            name: {"boxes": int(boxes.number[f]), "pairs": int(pairs[f]), "in_macro": bool(counted[f]), **rows[f]}
            for f, name in enumerate(boxes.names)
        }
        summary[arm] = {
            "findings": findings,
            "macro": {"over": int(counted.sum()), **rows[-1]},
            "pairs": len(scores),
            "maps": boxes.maps[arm],
            "dead": boxes.dead[arm],
            "iou_by_fold": _by_fold(boxes, scores),
            **summarize_found(
                Judged(boxes.shares[arm], boxes.finding, boxes.fold, boxes.patients, boxes.number, boxes.names),
                replicates,
                seed,
            ),
        }
    return summary


def weigh(boxes: Boxes, scores: Floats, weights: npt.NDArray[Any], codes: npt.NDArray[np.int64]) -> Floats:
    """Return ``(B, F + 1, C + 1)``: means of every score and then skill, for each finding and then over findings.

    A pair without a prior counts in the arm's own scores, and not where they are held against the prior.

    Args:
        boxes: what was scored.
        scores: ``(R, C)`` of one arm.
        weights: ``(B, P)`` of patients.
        codes: ``(R,)`` columns of the weights.
    """
    plain = mean_replicates(scores[:, :3], boxes.finding, weights, codes, len(boxes.names))
    full = mean_replicates(scores, boxes.finding, weights, codes, len(boxes.names))
    means = np.concatenate([plain, full[..., 3:]], axis=-1)
    columns = [with_mean(means[..., [c]], boxes.number) for c in range(len(SCORES))]
    trio = full[..., [SCORES.index(key) for key in ("iou", "prior_iou", "ceiling_iou")]]
    return np.stack([*columns, with_mean(trio, boxes.number)], axis=-1)


def behind(boxes: Boxes, scores: Floats, codes: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return ``(F + 1, C + 1)`` independent units and effective patients behind what `weigh` gives.

    The weakest finding bounds a mean of perfect ones, and means over findings are not widened; skill has no exact end.
    """
    plain = means_behind(scores[:, :3], boxes.finding, codes, len(boxes.names))
    full = means_behind(scores, boxes.finding, codes, len(boxes.names))
    units, patients = (np.hstack([few, all_[:, 3:], all_[:, :1]]) for few, all_ in zip(plain, full, strict=True))
    units[:, -1] = np.nan
    counted = units[boxes.number >= MIN_BOXES]
    weakest = np.where(counted > 0, counted, np.inf).min(axis=0, initial=np.inf)
    weakest = np.where(np.isfinite(weakest), weakest, np.nan)
    mean = np.full(units.shape[1], np.inf)
    return np.vstack([units, weakest]), np.vstack([patients, mean])


def _by_fold(boxes: Boxes, scores: Floats) -> dict[str, float]:
    column = SCORES.index("iou")
    return {str(fold): float(scores[boxes.fold == fold, column].mean()) for fold in np.unique(boxes.fold)}


def with_mean(means: Floats, number: Floats) -> Floats:
    """Return ``(B, F + 1)``: the score, or skill where prior and ceiling stand beside it, and its mean over findings.

    Args:
        means: ``(B, F, 1)``, or ``(B, F, 3)`` of method, prior and ceiling.
        number: ``(F,)`` boxes; findings with fewer than 20 are outside the mean.
    """
    if means.shape[-1] == 1:
        each = means[..., 0]
        mean = mean_defined(each[:, number >= MIN_BOXES])
    else:
        method, prior, ceiling = np.moveaxis(means, -1, 0)
        each, mean = skill(method, prior, ceiling).skill, macro_skill(method, prior, ceiling, number)
    return np.concatenate([each, mean[:, None]], axis=1)
