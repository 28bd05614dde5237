"""From scores of cases to the table: means with intervals over patients, and differences from the reference."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.experiments.leaderboard.arms import Arm
from cxr_xai.experiments.leaderboard.reliance import LEAST, LOCAL
from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.metrics.localization import BOUNDED
from cxr_xai.metrics.skill import macro_skill
from cxr_xai.stats.bootstrap import MeansBootstrap, bootstrap_means
from cxr_xai.stats.intervals import interval

Floats = npt.NDArray[np.float64]
Entry = dict[str, Any]

MIN_CASES = 20
"""A finding with fewer is given, but outside the mean over findings."""
LESION = ("energy", "pointing", "mask_iou", "energy_ratio")
BOX = ("iou", "energy", "pointing")


def summarize_places(cases: pd.DataFrame, arm: Arm, reference: Arm, kind: str, replicates: int) -> Entry:
    """Return how well maps lie in lesions (``kind="lesion"``) or boxes (``"box"``), per finding and over all.

    The mean over findings counts those with `MIN_CASES` cases; ``micro`` is over all cases. Dead maps count 0 in
    bounded scores; ``live`` leaves them out. ``difference`` is to the reference, on the same cases and draws.
    """
    rows = (cases["kind"] == kind).to_numpy()
    mine, other = arm.scores[rows], reference.scores[rows]
    groups = np.array([INDEX[name] for name in cases.loc[rows, "finding"]], np.int64)
    patients = cases.loc[rows, "patient_id"].to_numpy(str)
    counted = np.bincount(groups, minlength=len(FINDINGS)) >= MIN_CASES
    live = ~mine["dead"].to_numpy(bool)
    entry: Entry = {"cases": int(rows.sum()), "dead": int((~live).sum()), "over": int(counted.sum())}
    entry["findings"] = {name: {"cases": int((groups == k).sum())} for k, name in enumerate(FINDINGS)}
    for metric in LESION if kind == "lesion" else BOX:
        values, theirs = bounded(mine, metric), bounded(other, metric)
        drawn = bootstrap_means(values, groups, patients, replicates, n_groups=len(FINDINGS))
        apart = bootstrap_means(values - theirs, groups, patients, replicates, n_groups=len(FINDINGS))
        once = bootstrap_means(values, np.zeros_like(groups), patients, replicates, n_groups=1)
        away = bootstrap_means(values - theirs, np.zeros_like(groups), patients, replicates, n_groups=1)
        alive = bootstrap_means(np.where(live, values, np.nan), np.zeros_like(groups), patients, replicates, n_groups=1)
        entry[metric] = {
            "macro": mean_of(drawn, counted),
            "micro": at(once, 0),
            "live": at(alive, 0),
            "difference": mean_of(apart, counted, bounded=False) if counted.any() else apart_at(away),
        }
        for name, k in INDEX.items():
            entry["findings"][name][metric] = at(drawn, k)
    if kind == "box":
        entry["skill"] = skill_of(mine, groups, patients, counted, replicates)
    return entry


def summarize_recall(cases: pd.DataFrame, arm: Arm, reference: Arm, kind: str, replicates: int) -> Entry:
    """Return the share of the evidence inside the mask of a shortcut that the network leans on, by shortcut.

    Args:
        cases: of the run.
        arm: whose maps.
        reference: what it is compared with.
        kind: ``for`` (positive evidence) or ``against`` (negative evidence).
        replicates: of the bootstrap.
    """
    entry: Entry = {}
    for name in ("all", *LOCAL):
        rows = ((cases["kind"] == kind) & ((cases["shortcut"] == name) | (name == "all"))).to_numpy()
        if not rows.any():
            continue
        mine, patients = arm.scores[rows], cases.loc[rows, "patient_id"].to_numpy(str)
        values, zeros = bounded(mine, "energy"), np.zeros(int(rows.sum()), np.int64)
        drawn = bootstrap_means(values, zeros, patients, replicates, n_groups=1)
        difference = values - bounded(reference.scores[rows], "energy")
        apart = bootstrap_means(difference, zeros, patients, replicates, n_groups=1)
        share = float(mine["share"].mean())
        recall = at(drawn, 0)
        entry[name] = {
            "cases": int(rows.sum()),
            "studies": int(cases.loc[rows, "image_id"].nunique()),
            "patients": len(np.unique(patients)),
            "dead": int(mine["dead"].sum()),
            "recall": recall,
            "share": share,
            "ceiling": float(mine["ceiling_energy"].mean()),
            "difference": apart_at(apart),
        }
    return entry


def summarize_reliance(reliance: pd.DataFrame, replicates: int) -> list[Entry]:
    """Return, per shortcut and finding, how leaving the shortcut out changes the probability; largest change first."""
    rows = []
    for (shortcut, finding), group in reliance.groupby(["shortcut", "finding"], sort=False):
        change = (group["prob"] - group["prob_without"]).to_numpy(np.float64)
        patients, zeros = group["patient_id"].to_numpy(str), np.zeros(len(group), np.int64)
        drawn = bootstrap_means(change, zeros, patients, replicates, n_groups=1)
        large = bootstrap_means(np.abs(change), zeros, patients, replicates, n_groups=1)
        rows.append(
            {
                "shortcut": str(shortcut),
                "finding": str(finding),
                "studies": len(group),
                "undefined": int(np.isnan(change).sum()),
                "change": apart_at(drawn),
                "size": at(large, 0),
                "leaning": int((np.abs(change) >= LEAST).sum()),
                "for": int((change >= LEAST).sum()),
            }
        )
    return sorted(rows, key=lambda row: -np.nan_to_num(row["size"]["value"]))


def bounded(table: pd.DataFrame, metric: str) -> Floats:
    """Return one score with 0 for dead maps where it lies in [0, 1]; what is undefined stays NaN."""
    values = table[metric].to_numpy(np.float64)
    return np.where(table["dead"].to_numpy(bool), 0.0, values) if metric in BOUNDED else values


def skill_of(
    table: pd.DataFrame, groups: npt.NDArray[np.int64], patients: npt.NDArray[np.str_], counted: Any, replicates: int
) -> Entry:
    """Return macro skill: a ratio of means, numerator and denominator resampled together."""
    trio = np.column_stack([bounded(table, "iou"), table["prior_iou"], table["ceiling_iou"]])
    drawn = bootstrap_means(trio, groups, patients, replicates, n_groups=len(FINDINGS))
    boxes = np.where(counted, MIN_CASES, 0)
    method, prior, ceiling = np.moveaxis(drawn.value, -1, 0)
    value = macro_skill(method, prior, ceiling, boxes, MIN_CASES)
    method, prior, ceiling = np.moveaxis(drawn.replicates, -1, 0)
    ends = interval(value, macro_skill(method, prior, ceiling, boxes, MIN_CASES), kind="percentile")
    return as_entry(value, ends.low, ends.high)


def at(drawn: MeansBootstrap, group: int) -> Entry:
    """Return one mean with its interval."""
    return as_entry(drawn.value[group], drawn.interval.low[group], drawn.interval.high[group])


def apart_at(drawn: MeansBootstrap) -> Entry:
    """Return a mean difference of the only group; one of exactly 0 is no end of its range."""
    return mean_of(drawn, np.ones(1, bool), bounded=False)


def mean_of(drawn: MeansBootstrap, counted: npt.NDArray[np.bool_], bounded: bool = True) -> Entry:
    """Return the mean over the findings that count and are defined."""
    counted = counted & ~np.isnan(drawn.value)
    if not counted.any():
        return as_entry(np.nan, np.nan, np.nan)
    value, replicates = drawn.value[counted].mean(), drawn.replicates[:, counted].mean(axis=1)
    units = drawn.units[counted, 0].min() if bounded else None
    ends = interval(value, replicates, kind="percentile", units=units)
    return as_entry(value, ends.low, ends.high)


def as_entry(value: Any, low: Any, high: Any) -> Entry:
    """Return plain floats for JSON."""
    return {"value": float(value), "low": float(low), "high": float(high)}


def verdict(difference: Mapping[str, float | None]) -> str:
    """Say what an interval of a difference says.

    >>> verdict({"value": 0.1, "low": 0.02, "high": 0.2}), verdict({"value": 0.1, "low": -0.02, "high": 0.2})
    ('better', 'not told apart')
    """
    low, high = difference["low"], difference["high"]
    if low is None or high is None or low != low or high != high:
        return "undefined"
    return "better" if low > 0 else "worse" if high < 0 else "not told apart"


def rank(arms: Sequence[Entry], mode: str) -> list[Entry]:
    """Sort arms by their headline, best first; undefined ones come last."""
    key = "lesions" if mode == "phantom" else "boxes"
    metric = "energy" if mode == "phantom" else "iou"

    def headline(arm: Entry) -> float:
        entry = arm[key][metric]
        value = entry["macro" if arm[key]["over"] else "micro"]["value"]
        return -1.0 if value is None or value != value else float(value)

    return sorted(arms, key=lambda arm: (-headline(arm), arm["label"]))
