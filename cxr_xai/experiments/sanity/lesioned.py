"""Maps of a network that forgets, stage by stage."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from cxr_xai.experiments.sanity.subject import Subject, partners_of, stages_of
from cxr_xai.explainers.contract import Explainer
from cxr_xai.metrics.faithfulness.orders import find_dead
from cxr_xai.metrics.prior import pool_to_grid
from cxr_xai.metrics.sanity.randomization import cascade, independent
from cxr_xai.metrics.sanity.similarity import compare_maps
from cxr_xai.metrics.scoring import score_maps

Settings = Mapping[str, Any]
WAYS = {"down to": cascade, "only": independent}
OTHER, CHANCE = "other film", "random"


def measure_randomization(subject: Subject, explainer: Explainer, settings: Settings) -> pd.DataFrame:
    """Compare maps before and after each stage was randomized.

    Beside each likeness stand those of two unrelated things: the trained network's map of the same finding on another
    patient's film, and a map drawn by lot. A method that passes comes down to them.
    """
    films = subject.films
    before = subject.plain_maps(explainer)
    controls = unrelated(before, films.table, settings["seed"])
    parts = []
    for way, walk in WAYS.items():
        for name, model in walk(subject.model, stages_of(subject.model), settings["seed"]):
            scores = compare_maps(before, subject.explain(explainer, films, model))
            columns = {key: value.numpy() for key, value in scores.items()} | controls
            parts.append(pd.concat([films.table.assign(condition=f"{way} {name}"), pd.DataFrame(columns)], axis=1))
    return pd.concat(parts, ignore_index=True)


def unrelated(before: Tensor, table: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return the likeness of maps to those of the same finding on other patients' films, and to chance."""
    partner, lonely = partners_of(table)
    drawn = torch.rand(before.shape, generator=torch.Generator().manual_seed(seed))
    elsewhere, chance = compare_maps(before, before[partner]), compare_maps(before, drawn)
    keys = ("spearman_abs", "spearman", "top_overlap")
    return {f"{key}@{OTHER}": elsewhere[key].where(~lonely, torch.nan).numpy() for key in keys} | {
        f"{key}@{CHANCE}": chance[key].numpy() for key in keys
    }


def measure_collapse(subject: Subject, explainer: Explainer, settings: Settings) -> pd.DataFrame:
    """Score maps against boxes before and after each stage was randomized; dead maps count 0.

    What is left of pointing and energy in a random network was never evidence of the network. The finding's usual
    place stands beside.
    """
    films, size = subject.boxed, subject.size
    if not len(films.table):
        return pd.DataFrame(columns=["condition", "image_id", "patient_id", "finding", "pointing", "energy", "dead"])

    def judge(maps: Tensor) -> dict[str, Any]:
        scores = score_maps(maps, subject.boxes, size)
        dead = find_dead(maps)
        return {key: scores[key].where(~dead, 0.0).numpy() for key in ("pointing", "energy")} | {
            "dead": dead.double().numpy()
        }

    before = subject.explain(explainer, films)
    keys = zip(films.table["finding"], films.table["patient_id"], strict=True)
    usual = torch.stack([subject.prior.heatmap(finding, patient) for finding, patient in keys])
    prior = score_maps(pool_to_grid(usual, (before.shape[1], before.shape[2])), subject.boxes, size)
    trained = judge(before)
    controls = {f"{key}@trained": trained[key] for key in ("pointing", "energy")} | {
        f"{key}@prior": prior[key].numpy() for key in ("pointing", "energy")
    }
    parts = [pd.concat([films.table.assign(condition="trained"), pd.DataFrame(trained | controls)], axis=1)]
    for name, model in cascade(subject.model, stages_of(subject.model), settings["seed"]):
        columns = judge(subject.explain(explainer, films, model)) | controls
        parts.append(pd.concat([films.table.assign(condition=f"down to {name}"), pd.DataFrame(columns)], axis=1))
    return pd.concat(parts, ignore_index=True)
