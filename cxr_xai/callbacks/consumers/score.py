"""Scalars and rows: how well this epoch's maps lie in the monitored boxes."""

import numpy as np
import pandas as pd
from lightning import Trainer

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.explained import Explained
from cxr_xai.metrics.skill import macro_skill

MEANS = ("pointing", "energy", "iou")


class Score:
    """Logs means per finding and over all, skill over the class box prior, and dead maps; keeps every row.

    Means follow the rule ``all``: a dead map scores 0. Skill needs findings with at least 20 boxes.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def consume(self, explained: Explained, trainer: Trainer) -> dict[str, float]:
        """Append ``localization.parquet`` and return the scalars."""
        if trainer.is_global_zero:
            self.folder.append_localization(explained.scores, explained.half, explained.epoch)
        return summarize_scores(explained.scores)


def summarize_scores(scores: pd.DataFrame) -> dict[str, float]:
    """Return ``probe/<score>/<finding>``, ``probe/<score>/micro``, ``probe/skill/macro`` and ``probe/dead``."""
    alive = scores.assign(**{key: scores[key].fillna(0.0) for key in MEANS})
    scalars = {f"probe/{key}/micro": float(alive[key].mean()) for key in MEANS}
    for finding, group in alive.groupby("finding"):
        scalars |= {f"probe/{key}/{finding}": float(group[key].mean()) for key in MEANS}
    by_finding = alive.groupby("finding")
    table = by_finding[["iou", "prior_iou", "ceiling_iou"]].mean().to_numpy()
    skill = macro_skill(table[:, 0], table[:, 1], table[:, 2], by_finding["boxes"].sum().to_numpy())
    scalars["probe/skill/macro"] = float(np.asarray(skill))
    scalars["probe/dead"] = float(scores["dead"].mean())
    return scalars
