"""How many boxes are found over folds and seeds: the defined agreement and T(IoU), judged map by map."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.experiments.aggregate.average import spread
from cxr_xai.experiments.box_summary import MIN_BOXES
from cxr_xai.findings import BOXED
from cxr_xai.metrics.found import AGREED, T, above, agreement
from cxr_xai.stats.bootstrap import draw_patient_counts, mean_replicates, means_behind
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.weightings import mean_defined

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
LINES = ("run", "prior", "ceiling")
MEASURES = ("agreement", *(f"above {t:g}" for t in T))
FOUND = tuple(f"{line} {measure}" for line in LINES for measure in MEASURES)
"""Columns of `judge`; nothing defines a ceiling of agreement, so that one is NaN."""


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """Say of each map, of its prior and ceiling, whether they agree with the box and at which IoU they find it.

    Args:
        table: ``(R,)`` rows of ``localization.parquet``; a dead map finds nothing; NaN where there is no prior.

    Returns:
        ``(R, 24)`` columns ``FOUND``, each in [0, 1] or NaN.
    """
    scores = {line: table[f"{line}_iou".removeprefix("run_")].to_numpy(np.float64) for line in LINES}
    agreed = {
        "run": agreement(scores["run"], table["pointing"]),
        "prior": agreement(scores["prior"], table["prior_pointing"]),
        "ceiling": np.full(len(table), np.nan),
    }
    values = {line: np.column_stack([agreed[line], above(scores[line])]) for line in LINES}
    values["prior"][np.isnan(scores["prior"])] = np.nan
    return pd.DataFrame(np.hstack([values[line] for line in LINES]), columns=list(FOUND), index=table.index)


class Judged(NamedTuple):
    """Shares of one arm, pair by pair: means over the models that scored the pair.

    Attributes:
        shares: ``(R, 24)`` columns ``FOUND``.
        finding: ``(R,)`` numbers of ``names``.
        fold: ``(R,)``.
        patients: ``(R,)``.
        number: ``(F,)`` boxes of each finding.
        names: ``(F,)``.
    """

    shares: Floats
    finding: Codes
    fold: Codes
    patients: npt.NDArray[np.str_]
    number: Floats
    names: tuple[str, ...] = BOXED


class _Means(NamedTuple):
    value: Floats  # (G, C) means over folds
    by_fold: Floats  # (folds, G, C)
    drawn: Floats  # (B, G, C) means over folds
    units: Floats  # (G, C)
    patients: Floats  # (G, C)


def summarize_found(judged: Judged, replicates: int, seed: int = 0) -> dict[str, Any]:
    """Return ``curves`` and ``agreement`` of one arm, as those of a run, beside the prior's and the ceiling's.

    Shares are taken within each fold and then averaged, every fold the same; a finding is averaged over the folds that
    have boxes of it. Patients are drawn within their fold, the same for all arms. ``sd`` is over folds.
    """
    folds = np.unique(judged.fold)
    found = {line: _summarize_line(judged, line, folds, replicates, seed) for line in LINES}
    parts = ("macro", "micro")
    curves = {part: {line: each[part][1:] for line, each in found.items()} for part in parts}
    findings = {name: {line: each["findings"][name][1:] for line, each in found.items()} for name in judged.names}
    own, prior = (
        {
            **found[line]["micro"][0],
            "macro": found[line]["macro"][0],
            "findings": {name: entries[0] for name, entries in found[line]["findings"].items()},
            "by_fold": found[line]["by_fold"],
            "pairs": found[line]["pairs"],
        }
        for line in ("run", "prior")
    )
    return {
        "curves": {"thresholds": list(T), "iou": {**curves, "findings": findings}},
        "agreement": {**own, "least": AGREED, "prior": prior},
    }


def _summarize_line(judged: Judged, line: str, folds: Codes, replicates: int, seed: int) -> dict[str, Any]:
    first = LINES.index(line) * len(MEASURES)
    values = judged.shares[:, first : first + len(MEASURES)]
    if line == "ceiling":  # its agreement is no number: a row with NaN would be left out
        values = np.column_stack([np.zeros(len(values)), values[:, 1:]])
    each = _within_folds(values, judged.finding, len(judged.names), judged, folds, replicates, seed)
    whole = _within_folds(values, np.zeros_like(judged.finding), 1, judged, folds, replicates, seed)
    counted = (judged.number >= MIN_BOXES) & ~np.isnan(each.by_fold).all(axis=(0, 2))
    return {
        "findings": dict(zip(judged.names, _entries(each), strict=True)),
        "macro": _entries(_over_findings(each, counted))[0],
        "micro": _entries(whole)[0],
        "by_fold": dict(zip(map(str, folds.tolist()), whole.by_fold[:, 0, 0].tolist(), strict=True)),
        "pairs": int((~np.isnan(values).any(axis=1)).sum()),
    }


def _within_folds(
    values: Floats, groups: Codes, number: int, judged: Judged, folds: Codes, replicates: int, seed: int
) -> _Means:
    by_fold, drawn, units = [], [], []
    for fold in folds:
        rows = judged.fold == fold
        counts, codes = draw_patient_counts(judged.patients[rows], replicates, (seed, int(fold) + 1))
        mine, which, once = values[rows], groups[rows], np.ones((1, counts.shape[1]))
        by_fold.append(mean_replicates(mine, which, once, codes, number)[0])
        drawn.append(mean_replicates(mine, which, counts, codes, number))
        units.append(means_behind(mine, which, codes, number)[0])
    codes = np.unique(judged.patients, return_inverse=True)[1]
    defined = ~np.isnan(by_fold)
    fewest = np.where(defined, units, np.inf).min(axis=0)  # perfect folds are bounded by the one that says least
    behind = np.where(np.isfinite(fewest), fewest, np.nan) * defined.sum(axis=0)
    sizes = means_behind(values, groups, codes, number)[1]
    means = [mean_defined(np.stack(parts, axis=-1)) for parts in (by_fold, drawn)]
    return _Means(means[0], np.stack(by_fold), means[1], behind, sizes)


def _over_findings(each: _Means, counted: npt.NDArray[np.bool_]) -> _Means:
    weakest = each.units[counted].min(axis=0, initial=np.inf)
    by_fold, drawn = (
        mean_defined(np.moveaxis(part[:, counted], 1, -1))[:, None] for part in (each.by_fold, each.drawn)
    )
    return _Means(
        mean_defined(each.value[counted].T)[None],
        by_fold,
        drawn,
        np.where(np.isfinite(weakest), weakest, np.nan)[None],
        np.full((1, each.units.shape[1]), np.inf),
    )


def _entries(means: _Means) -> list[list[dict[str, float]]]:
    value = means.value
    ends = interval(value, means.drawn, None, "percentile", 0.95, means.units, means.patients)
    several = len(means.by_fold) > 1
    sd = spread(means.by_fold[None]) if several else np.full(value.shape, np.nan)
    return [
        [
            {"value": float(v), "low": float(low), "high": float(high), **({"sd": float(s)} if several else {})}
            for v, low, high, s in zip(*row, strict=True)
        ]
        for row in zip(value, ends.low, ends.high, sd, strict=True)
    ]
