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
PLACE_COLUMNS = ("image_id", "patient_id", "drain", "target", *SHARES)
"""Of `locate`: shares of the map's positive evidence and of the film; NaN without such a place, or of a dead map."""


def compare_means(
    values: npt.NDArray[np.float64],
    having: npt.NDArray[np.bool_],
    patients: npt.NDArray[np.str_],
    replicates: int,
    log2: bool = False,
) -> dict[str, Any]:
    """Return means ``with`` and ``without`` a drain and their ``gap``, on the same draws of patients.

    Args:
        values: ``(R,)`` shares, or ratios of shares; rows with NaN are left out and counted.
        having: ``(R,)`` whether the row has a drain.
        patients: ``(R,)``.
        replicates: of the bootstrap.
        log2: tell logarithms of the means, taken last; a mean of 0 is undefined then.
    """
    drawn = bootstrap_means(values[:, None], np.where(having, 0, 1), patients, replicates, n_groups=2)
    if log2:
        ends = drawn.interval._replace(low=_log2(drawn.interval.low), high=_log2(drawn.interval.high))
        drawn = drawn._replace(value=_log2(drawn.value), replicates=_log2(drawn.replicates), interval=ends)
    apart, again = drawn.value[0, 0] - drawn.value[1, 0], drawn.replicates[:, 0, 0] - drawn.replicates[:, 1, 0]
    ends = interval(apart, again, kind="percentile", patients=drawn.patients[:, 0].min())
    counts = {"with": int(drawn.rows[0]), "without": int(drawn.rows[1]), "undefined": int(np.isnan(values).sum())}
    entries = {word: one_mean(drawn, k, 0) for k, word in enumerate(("with", "without"))}
    return {**entries, "gap": as_entry(apart, ends.low, ends.high), "rows": counts}


def _log2(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.log2(np.where(values > 0, values, np.nan))
    return found


def compare_energy(
    energy: npt.NDArray[np.float64],
    ratio: npt.NDArray[np.float64],
    having: npt.NDArray[np.bool_],
    patients: npt.NDArray[np.str_],
    replicates: int,
) -> dict[str, Any]:
    """Return energy inside a place with and without a drain, by every rule.

    Args:
        energy: ``(R,)`` in [0, 1], NaN of a dead map.
        ratio: ``(R,)`` energy over the place's share of the film, 1 of an even map; NaN of a dead map.
        having: ``(R,)`` whether the row has a drain.
        patients: ``(R,)``.
        replicates: of the bootstrap.

    Returns:
        ``all`` (dead maps count 0), ``live`` (they are left out), and ``corrected``, log2 of the mean ratio of live
        maps, which a larger place does not raise; each as `compare_means` says. ``dead``: how many are.
    """
    dead = np.isnan(energy)
    return {
        "all": compare_means(np.where(dead, 0.0, energy), having, patients, replicates),
        "live": compare_means(energy, having, patients, replicates),
        "corrected": compare_means(ratio, having, patients, replicates, log2=True),
        "dead": int(dead.sum()),
    }


def compare_boxes(scores: pd.DataFrame, drains: "pd.Series[str]", replicates: int) -> dict[str, Any] | None:
    """Return the energy in radiologists' boxes with and without a drain; None without such boxes on both sides.

    Args:
        scores: sealed rows of ``localization.parquet``, of one explainer.
        drains: ``yes``, ``no`` or missing, by image id.
        replicates: of the bootstrap.

    Returns:
        What `compare_energy` says.
    """
    mine = scores[scores["finding"] == FINDING]
    word = mine["image_id"].map(drains)
    mine, word = mine[word.notna()], word[word.notna()]
    if word.nunique() < 2:
        return None
    energy, ratio = (mine[key].mask(mine["dead"]).to_numpy(np.float64) for key in ("energy", "energy_ratio"))
    patients = mine["patient_id"].to_numpy(str)
    return compare_energy(energy, ratio, (word == "yes").to_numpy(), patients, replicates)


def locate(studies: Studies, truth: PhantomTruth, explainer: Explainer, drains: "pd.Series[str]") -> pd.DataFrame:
    """Return where the evidence for pneumothorax lies in films of a phantom that have one, or a drain.

    Args:
        studies: test studies of a run on a phantom.
        truth: of the phantom.
        explainer: the run's own.
        drains: ``yes`` or ``no`` by image id.

    Returns:
        The columns ``PLACE_COLUMNS``, one row per film.
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
    return pd.DataFrame(rows, columns=list(PLACE_COLUMNS))


def _place(heat: torch.Tensor, mask: npt.NDArray[np.bool_] | None) -> tuple[float, float]:
    """Return the share of the evidence inside a mask, and of the film; NaN without one."""
    if mask is None:
        return np.nan, np.nan
    return float(energy_in_box(heat[None], torch.from_numpy(mask)[None])), float(mask.mean())


def summarize_places(table: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return mean shares of the evidence, beside those of the film that an even map would give.

    Returns:
        ``drain`` of positives and of negatives that have one: ``all`` (dead maps count 0), ``live``, ``area``,
        ``films`` and ``dead``; ``lesion`` of positives with and without a drain, as `compare_energy`, and its ``area``.
    """
    positive = table["target"] == 1
    found: dict[str, Any] = {"drain": {}}
    for side, rows in (("positive", positive), ("negative", table["target"] == 0)):
        found["drain"][side] = _summarize_drain(table[rows & (table["drain"] == "yes")], replicates)
    mine = table[positive & table["lesion_area"].notna()]
    patients, having = mine["patient_id"].to_numpy(str), (mine["drain"] == "yes").to_numpy()
    share, area = mine["in_lesion"].to_numpy(np.float64), mine["lesion_area"].to_numpy(np.float64)
    ratio = np.divide(share, area, out=np.full(len(share), np.nan), where=area > 0)
    found["lesion"] = compare_energy(share, ratio, having, patients, replicates)
    found["lesion"]["area"] = compare_means(area, having, patients, replicates)
    return found


def _summarize_drain(mine: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Summarize the evidence along the drains of films that have one."""
    patients, dead = mine["patient_id"].to_numpy(str), mine["in_drain"].isna().to_numpy()
    share, area = (mine[key].to_numpy(np.float64) for key in ("in_drain", "drain_area"))
    columns = {"all": np.where(dead, 0.0, share), "live": share, "area": area}
    one = np.zeros(len(mine), np.int64)
    entries = {
        key: one_mean(bootstrap_means(column[:, None], one, patients, replicates, n_groups=1), 0, 0)
        for key, column in columns.items()
    }
    return {**entries, "films": len(mine), "dead": int(dead.sum())}
