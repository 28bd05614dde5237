"""Reliance in numbers: how far probabilities move without a shortcut, and what AUROC is left without it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.phantom.spec import SHORTCUTS, TIED
from cxr_xai.experiments.box_summary import as_entry, one_mean
from cxr_xai.experiments.reliance.measure import ALL, LEAST, change_by_study
from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.stats.bootstrap import MetricBootstrap, bootstrap_auroc, bootstrap_means
from cxr_xai.stats.clusters import metric_patients
from cxr_xai.stats.intervals import interval

Floats = npt.NDArray[np.float64]


def summarize_reliance(table: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return reliance on every shortcut, and AUROC on test with and without shortcuts.

    Args:
        table: the columns ``RELIANCE_COLUMNS``.
        replicates: of the bootstrap over patients.

    Returns:
        ``shortcuts``: of each, the ``finding`` it is tied to (None for brightness, whose changes are means over
        findings), ``studies`` that have it, ``size`` (mean |change| of the calibrated probability), ``change``,
        ``leaning`` (share of studies with a size of ``least`` or more) and ``auroc`` of its finding over all test
        studies, ``with`` and ``without`` this shortcut, and their ``difference``. ``findings`` and ``macro``: the same
        three without any shortcut.
    """
    images, target, own, bare = widen_reliance(table)
    drawn = (bootstrap_auroc(target, own, images["patient_id"], replicates, kind="bca"),
             bootstrap_auroc(target, bare, images["patient_id"], replicates, kind="bca"))  # fmt: skip
    behind = metric_patients("auroc", target, np.unique(images["patient_id"], return_inverse=True)[1])
    shortcuts = {}
    for name in SHORTCUTS:
        shortcuts[name] = summarize_shortcut(table, name, replicates)
        if finding := TIED.get(name):
            shortcuts[name]["auroc"] = auroc_without(table, name, finding, replicates)
    ends = [pair.macro_interval for pair in drawn]
    apart = drawn[0].macro - drawn[1].macro
    reach = interval(apart, drawn[0].macro_replicates - drawn[1].macro_replicates, kind="percentile")
    return {
        "least": LEAST,
        "studies": len(images),
        "patients": int(images["patient_id"].nunique()),
        "shortcuts": shortcuts,
        "findings": {name: _three(drawn, behind, k) for k, name in enumerate(FINDINGS)},
        "macro": {
            "over": drawn[0].over,
            "with": as_entry(drawn[0].macro, ends[0].low, ends[0].high),
            "without": as_entry(drawn[1].macro, ends[1].low, ends[1].high),
            "difference": as_entry(apart, reach.low, reach.high),
        },
    }


def widen_reliance(table: pd.DataFrame, shortcut: str = ALL) -> tuple[pd.DataFrame, Floats, Floats, Floats]:
    """Return all test studies, with a shortcut and without it.

    Args:
        table: the columns ``RELIANCE_COLUMNS``.
        shortcut: to leave out where it is planted.

    Returns:
        ``image_id, patient_id`` by image, and ``(N, K)`` targets, logits as they are and logits without.
    """
    order, count = ["image_id", "number"], len(FINDINGS)
    numbered = table.assign(number=table["finding"].map(INDEX)).sort_values(order, kind="stable")
    whole = numbered[numbered["shortcut"] == ALL]
    target, own = (whole[key].to_numpy(np.float64).reshape(-1, count) for key in ("target", "logit"))
    planted = numbered[numbered["shortcut"] == shortcut]
    images = whole.iloc[::count][["image_id", "patient_id"]].reset_index(drop=True)
    bare = own.copy()
    at = images["image_id"].isin(planted["image_id"]).to_numpy()
    bare[at] = planted["logit_without"].to_numpy(np.float64).reshape(-1, count)
    return images, target, own, bare


def summarize_shortcut(table: pd.DataFrame, shortcut: str, replicates: int) -> dict[str, Any]:
    """Return how far leaving a shortcut out moves the probability of its finding; NaN where no study has it."""
    finding = TIED.get(shortcut)
    found = change_by_study(table, shortcut, finding)
    size = found["size"].to_numpy(np.float64)
    leaning = np.where(np.isnan(size), np.nan, size >= LEAST)
    values = np.column_stack([size, found["change"].to_numpy(np.float64), leaning])
    patients, one = found["patient_id"].to_numpy(str), np.zeros(len(found), np.int64)
    drawn = bootstrap_means(values, one, patients, replicates, n_groups=1)
    entries = {key: one_mean(drawn, 0, c) for c, key in enumerate(("size", "change", "leaning"))}
    counts = {"studies": len(found), "patients": len(np.unique(patients))}
    return {"finding": finding, **counts, **entries}


def auroc_without(table: pd.DataFrame, shortcut: str, finding: str, replicates: int) -> dict[str, Any]:
    """Return AUROC of one finding on all test studies ``with`` and ``without`` a shortcut, and their ``difference``."""
    images, target, own, bare = widen_reliance(table, shortcut)
    k, patients = [INDEX[finding]], images["patient_id"].to_numpy(str)
    one, other = (bootstrap_auroc(target[:, k], x[:, k], patients, replicates, kind="bca") for x in (own, bare))
    behind = metric_patients("auroc", target[:, k], np.unique(patients, return_inverse=True)[1])
    return _three((one, other), behind, 0)


def _three(drawn: tuple[MetricBootstrap, MetricBootstrap], behind: Floats, k: int) -> dict[str, dict[str, float]]:
    one, other = drawn
    apart, again = one.value[k] - other.value[k], one.replicates[:, k] - other.replicates[:, k]
    ends = interval(apart, again, kind="percentile", patients=behind[k])
    both = {
        word: as_entry(each.value[k], each.interval.low[k], each.interval.high[k])
        for word, each in (("with", one), ("without", other))
    }
    return {**both, "difference": as_entry(apart, ends.low, ends.high)}


def flatten_reliance(reliance: Mapping[str, Any]) -> dict[str, float]:
    """Return what loggers show: ``reliance/size/<shortcut>``, ``reliance/auroc_without/macro``."""
    scalars = {f"reliance/size/{name}": row["size"]["value"] for name, row in reliance["shortcuts"].items()}
    return scalars | {"reliance/auroc_without/macro": reliance["macro"]["without"]["value"]}
