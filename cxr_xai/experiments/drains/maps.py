"""Where maps of pneumothorax put their evidence: in the box, in the drawn lesion, along the drain."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from cxr_xai.data.phantom.spec import TIED
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.experiments.box_summary import as_entry, one_mean
from cxr_xai.experiments.studies import Studies
from cxr_xai.experiments.terminal import ProgressBar
from cxr_xai.explainers.contract import Explainer
from cxr_xai.findings import INDEX
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics.localization import energy_in_box
from cxr_xai.stats.bootstrap import bootstrap_means
from cxr_xai.stats.intervals import interval

FINDING = TIED["drain"]
SHARES = ("in_drain", "drain_area", "in_lesion", "lesion_area")
PLACED = ("image_id", "patient_id", "drain", "target", *SHARES)
"""Of `locate`: shares of the map's positive evidence and of the film; NaN without such a place, or of a dead map."""


def compare_means(
    values: npt.NDArray[np.float64], having: npt.NDArray[np.bool_], patients: npt.NDArray[np.str_], replicates: int
) -> dict[str, Any]:
    """Return means ``with`` and ``without`` a drain and their ``gap``, on the same draws of patients.

    Args:
        values: ``(R,)`` in [0, 1]; rows with NaN are left out and counted.
        having: ``(R,)`` whether the row has a drain.
        patients: ``(R,)``.
        replicates: of the bootstrap.
    """
    drawn = bootstrap_means(values[:, None], np.where(having, 0, 1), patients, replicates, n_groups=2)
    apart, again = drawn.value[0, 0] - drawn.value[1, 0], drawn.replicates[:, 0, 0] - drawn.replicates[:, 1, 0]
    ends = interval(apart, again, kind="percentile", patients=drawn.patients[:, 0].min())
    counts = {"with": int(drawn.rows[0]), "without": int(drawn.rows[1]), "undefined": int(np.isnan(values).sum())}
    entries = {word: one_mean(drawn, k, 0) for k, word in enumerate(("with", "without"))}
    return {**entries, "gap": as_entry(apart, ends.low, ends.high), "rows": counts}


def compare_boxes(scores: pd.DataFrame, drains: "pd.Series[str]", replicates: int) -> dict[str, Any] | None:
    """Return the energy in radiologists' boxes with and without a drain; None without such boxes on both sides.

    Args:
        scores: sealed rows of ``localization.parquet``, of one explainer; a dead map counts 0.
        drains: ``yes``, ``no`` or missing, by image id.
        replicates: of the bootstrap.
    """
    mine = scores[scores["finding"] == FINDING]
    word = mine["image_id"].map(drains)
    mine, word = mine[word.notna()], word[word.notna()]
    if word.nunique() < 2:
        return None
    energy = mine["energy"].mask(mine["dead"], 0.0).to_numpy(np.float64)
    patients = mine["patient_id"].to_numpy(str)
    found = compare_means(energy, (word == "yes").to_numpy(), patients, replicates)
    return {**found, "dead": int(mine["dead"].sum())}


def locate(studies: Studies, truth: PhantomTruth, explainer: Explainer, drains: "pd.Series[str]") -> pd.DataFrame:
    """Return where the evidence for pneumothorax lies in films of a phantom that have one, or a drain.

    Args:
        studies: test studies of a run on a phantom.
        truth: of the phantom.
        explainer: the run's own.
        drains: ``yes`` or ``no`` by image id.

    Returns:
        The columns ``PLACED``, one row per film.
    """
    k, size = INDEX[FINDING], studies.data.batch_size
    having = pd.Series(studies.image_id).map(drains).fillna("no").to_numpy(str)
    chosen = np.flatnonzero((having == "yes") | (studies.target[:, k] == 1))
    rows: list[list[Any]] = []
    bar = ProgressBar("maps of pneumothorax")
    for start in range(0, len(chosen), size):
        which = chosen[start : start + size]
        films = studies.films(which).to(studies.device)
        maps = explainer.explain(studies.model, films, [k]).attribution[:, 0].float().cpu()
        heat = resize_heatmaps(make_heatmap(maps), truth.size)
        for n, one in zip(which.tolist(), heat, strict=True):
            name = str(studies.image_id[n])
            drain = truth.shortcut(name, "drain") if "drain" in truth.shortcuts(name) else None
            lesion = truth.lesions(name).get(FINDING)
            places = [number for mask in (drain, lesion) for number in _place(one, mask)]
            rows.append([name, str(studies.patient_id[n]), having[n], studies.target[n, k], *places])
        bar(start + len(which), len(chosen))
    return pd.DataFrame(rows, columns=list(PLACED))


def _place(heat: torch.Tensor, mask: npt.NDArray[np.bool_] | None) -> tuple[float, float]:
    """Return the share of the evidence inside a mask, and of the film; NaN without one."""
    if mask is None:
        return np.nan, np.nan
    return float(energy_in_box(heat[None], torch.from_numpy(mask)[None])), float(mask.mean())


def summarize_places(table: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return mean shares of the evidence, beside those of the film that an even map would give.

    Returns:
        ``drain`` of positives and of negatives that have one: ``share``, ``area`` and ``films``; ``lesion`` of
        positives with and without a drain, as `compare_means` says.
    """
    positive = table["target"] == 1
    found: dict[str, Any] = {"drain": {}}
    for side, rows in (("positive", positive), ("negative", table["target"] == 0)):
        mine = table[rows & (table["drain"] == "yes")]
        values = mine[["in_drain", "drain_area"]].to_numpy(np.float64)
        patients, one = mine["patient_id"].to_numpy(str), np.zeros(len(mine), np.int64)
        drawn = bootstrap_means(values, one, patients, replicates, n_groups=1)
        entries = {key: one_mean(drawn, 0, c) for c, key in enumerate(("share", "area"))}
        found["drain"][side] = {**entries, "films": int(drawn.rows[0]), "dead": int(mine["in_drain"].isna().sum())}
    mine = table[positive]
    patients, having = mine["patient_id"].to_numpy(str), (mine["drain"] == "yes").to_numpy()
    found["lesion"] = compare_means(mine["in_lesion"].to_numpy(np.float64), having, patients, replicates)
    return found
