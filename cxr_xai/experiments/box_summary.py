"""What is said of boxes beside the headline: curves, agreement, other thresholds, Wang's rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.findings import boxed_among
from cxr_xai.metrics.found import AGREED, T, above, agreement
from cxr_xai.stats.bootstrap import MeansBootstrap, bootstrap_means
from cxr_xai.stats.intervals import interval

MIN_BOXES = 20
POLICIES = {"fixed": "iou", "quantile": "iou_quantile", "otsu": "iou_otsu", "cross_fitted": "iou_cross_fitted"}
"""Named thresholds → their column; ``fixed`` is the headline's."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Averaged:
    """Means of columns, each ``{value, low, high}``.

    Attributes:
        findings: by finding, one per column.
        macro: over findings with at least 20 boxes that have a value.
        micro: over pairs.
        pairs: how many pairs have values.
    """

    findings: Mapping[str, list[dict[str, float]]]
    macro: list[dict[str, float]]
    micro: list[dict[str, float]]
    pairs: int


def average(scores: pd.DataFrame, values: Floats, replicates: int) -> Averaged:
    """Average columns over findings and pairs, with intervals from resampled patients.

    Args:
        scores: rows of ``localization.parquet``, for their finding, patient and number of boxes.
        values: ``(R, C)``; a row with NaN is left out.
        replicates: of the bootstrap.
    """
    groups, patients = number_findings(scores), scores["patient_id"].to_numpy(str)
    names = boxed_among(scores["finding"])
    drawn = bootstrap_means(values, groups, patients, replicates, n_groups=len(names))
    whole = bootstrap_means(values, np.zeros(len(values), np.int64), patients, replicates, n_groups=1)
    counted = count_boxes(scores) >= MIN_BOXES
    columns = range(values.shape[1])
    return Averaged(
        {name: [one_mean(drawn, k, c) for c in columns] for k, name in enumerate(names)},
        [macro_mean(drawn, c, counted) for c in columns],
        [one_mean(whole, 0, c) for c in columns],
        int(whole.rows[0]),
    )


def number_findings(scores: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return ``(R,)`` numbers of the boxed findings, `boxed_among` those of the table."""
    order = {name: k for k, name in enumerate(boxed_among(scores["finding"]))}
    return np.array([order[name] for name in scores["finding"]], np.int64)


def count_boxes(scores: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return ``(F,)`` boxes of each finding."""
    counts = np.zeros(len(boxed_among(scores["finding"])), np.int64)
    np.add.at(counts, number_findings(scores), scores["boxes"].to_numpy(np.int64))
    return counts


def macro_mean(drawn: MeansBootstrap, column: int, counted: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the mean over the findings that count and have a value, as ``{value, low, high}``."""
    counted = counted & ~np.isnan(drawn.value[:, column])  # a finding without a prior has no place in its mean
    if not counted.any():
        return as_entry(np.nan, np.nan, np.nan)
    value, weakest = drawn.value[counted, column].mean(), drawn.units[counted, column].min()
    low, high, _ = interval(value, drawn.replicates[:, counted, column].mean(axis=1), kind="percentile", units=weakest)
    return as_entry(value, low, high)


def one_mean(drawn: MeansBootstrap, group: int, column: int) -> dict[str, float]:
    """Return one mean as ``{value, low, high}``."""
    ends = drawn.interval
    return as_entry(drawn.value[group, column], ends.low[group, column], ends.high[group, column])


def as_entry(value: Any, low: Any, high: Any) -> dict[str, float]:
    """Return a number with its interval as it is written."""
    return {"value": float(value), "low": float(low), "high": float(high)}


def summarize_curves(scores: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return T(IoU) and T(IoBB): the share of boxes with more than .1 … .7, dead maps finding nothing.

    Args:
        scores: rows of ``localization.parquet`` of one epoch.
        replicates: of the bootstrap.

    Returns:
        ``thresholds``; and under ``iou`` and ``iobb``: ``macro``, ``micro`` and ``findings``, each with the shares of
        ``run``, ``prior`` and, for IoU, ``ceiling`` (no map on the grid finds more boxes; IoBB has none: a small enough
        region reaches 1).
    """
    curves: dict[str, Any] = {"thresholds": list(T)}
    for key, lines in (("iou", ("run", "prior", "ceiling")), ("iobb", ("run", "prior"))):
        found = {line: _curve(scores, key if line == "run" else f"{line}_{key}", replicates) for line in lines}
        curves[key] = {
            "macro": {line: each.macro for line, each in found.items()},
            "micro": {line: each.micro for line, each in found.items()},
            "findings": {
                name: {line: each.findings[name] for line, each in found.items()}
                for name in boxed_among(scores["finding"])
            },
        }
    return curves


def _curve(scores: pd.DataFrame, column: str, replicates: int) -> Averaged:
    """Average one curve; a finding without a prior has none, a dead map finds nothing."""
    values = above(scores[column].to_numpy(np.float64))
    return average(scores, _where_known(scores, column, values), replicates)


def _where_known(scores: pd.DataFrame, column: str, values: Floats) -> Floats:
    """Put NaN where a prior is undefined; what the run itself did not find stays 0."""
    if not column.startswith("prior_"):
        return values
    return np.where(scores["prior_iou"].isna().to_numpy()[:, None], np.nan, values)


def summarize_agreement(scores: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return the share of boxed pairs on which map and radiologist agree: IoU of at least .1 and the peak inside.

    Returns:
        ``value low high`` over all pairs, ``macro`` and ``findings``; the same of the ``prior`` where it is defined,
        with the number of its ``pairs``; ``least``, the IoU that is asked for.
    """
    found = {
        line: average(scores, _where_known(scores, f"{prefix}iou", values[:, None]), replicates)
        for line, prefix in (("run", ""), ("prior", "prior_"))
        for values in [agreement(scores[f"{prefix}iou"], scores[f"{prefix}pointing"])]
    }
    one, other = (
        {**each.micro[0], "macro": each.macro[0], "findings": {k: v[0] for k, v in each.findings.items()}}
        for each in found.values()
    )
    return {**one, "pairs": len(scores), "least": AGREED, "prior": {**other, "pairs": found["prior"].pairs}}


def summarize_policies(scores: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return the IoU by each named threshold, dead maps 0, beside the prior's by the same; nothing where not scored.

    Returns:
        policy → ``macro`` and ``micro``, each ``value low high`` and ``prior``.
    """
    policies = {}
    for name, column in POLICIES.items():
        if _is_scored(scores, column):
            run = average(scores, scores[[column]].fillna(0.0).to_numpy(np.float64), replicates)
            prior = average(scores, scores[[f"prior_{column}"]].to_numpy(np.float64), replicates)
            policies[name] = {
                "macro": {**run.macro[0], "prior": prior.macro[0]},
                "micro": {**run.micro[0], "prior": prior.micro[0]},
            }
    return policies


def summarize_wang(scores: pd.DataFrame, replicates: int) -> dict[str, Any] | None:
    """Return T(IoU) and T(IoBB) by the rule of Wang et al. 2017, and false positives per image; None if not scored.

    Returns:
        ``thresholds``, ``iou`` and ``iobb`` (macro, of ``run`` and ``prior``), ``false_positives`` per boxed pair:
        detected boxes with an IoU of at most .1, of live maps, with the ``prior``'s.
    """
    if not _is_scored(scores, "wang_iou"):
        return None
    curves = {
        key: {line: _curve(scores, f"{prefix}wang_{key}", replicates).macro for line, prefix in _LINES}
        for key in ("iou", "iobb")
    }
    wrong = {
        line: average(scores, scores[[f"{prefix}wang_false"]].to_numpy(np.float64), replicates).micro[0]
        for line, prefix in _LINES
    }
    return {"thresholds": list(T), **curves, "false_positives": {**wrong["run"], "prior": wrong["prior"]}}


def summarize_masks(scores: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return the IoU of regions with marked pixels, dead maps 0: ``macro``, ``micro`` and ``findings``."""
    found = average(scores, scores[["mask_iou"]].fillna(0.0).to_numpy(np.float64), replicates)
    findings = {name: entries[0] for name, entries in found.findings.items()}
    return {"macro": found.macro[0], "micro": {**found.micro[0], "pairs": found.pairs}, "findings": findings}


_LINES = (("run", ""), ("prior", "prior_"))


def _is_scored(scores: pd.DataFrame, column: str) -> bool:
    """Whether any map has a value; the monitored half has none of the other policies."""
    return column in scores and bool(scores[column].notna().any())
