"""The numbers of a run, each with a patient-bootstrapped interval, from its tables alone."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.experiments.box_summary import (
    MIN_BOXES,
    as_entry,
    count_boxes,
    macro_mean,
    number_findings,
    one_mean,
    summarize_agreement,
    summarize_curves,
    summarize_policies,
    summarize_wang,
)
from cxr_xai.findings import FINDINGS, boxed_among
from cxr_xai.metrics.classification import classification_table, macro_table
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.prior_shift import find_prior, shift_table
from cxr_xai.metrics.skill import macro_skill, skill
from cxr_xai.stats.bootstrap import MeansBootstrap, MetricBootstrap, bootstrap_means, bootstrap_metric
from cxr_xai.stats.intervals import interval

SCORES = ("pointing", "energy", "iou", "prior_pointing", "prior_energy", "prior_iou", "ceiling_energy", "ceiling_iou")

Floats = npt.NDArray[np.float64]


def widen(predictions: pd.DataFrame, part: str, score: str = "prob") -> tuple[Floats, Floats, pd.DataFrame]:
    """Return ``(N, K)`` targets and scores of one part, and ``(N,)`` image and patient ids beside them."""
    rows = predictions[predictions["part"] == part]
    order = list(FINDINGS)
    target = rows.pivot(index="image_id", columns="finding", values="target")[order]
    scores = rows.pivot(index="image_id", columns="finding", values=score)[order].loc[target.index]
    who = rows.drop_duplicates("image_id").set_index("image_id").loc[target.index, ["patient_id"]].reset_index()
    return target.to_numpy(np.float64), scores.to_numpy(np.float64), who


def summarize_classification(
    predictions: pd.DataFrame, views: pd.Series, replicates: int, decision: Decision
) -> dict[str, Any]:
    """Return every classification metric of val and test; curves, thresholds and prior come from val.

    Args:
        predictions: the columns of ``predictions.parquet``.
        views: image id → PA or AP.
        replicates: of the bootstrap.
        decision: what val decided when the predictions were made.
    """
    prior = find_prior(widen(predictions, "val")[0], widen(predictions, "val", "calibrated")[1])
    summary: dict[str, Any] = {}
    for part in ("val", "test"):
        target, probs, who = widen(predictions, part)
        calibrated, patients = widen(predictions, part, "calibrated")[1], who["patient_id"].to_numpy(str)
        table = tabulate(target, probs, calibrated, decision, prior)
        drawn = bootstrap_metrics(target, probs, calibrated, decision, patients, replicates)
        findings = {}
        for k, name in enumerate(FINDINGS):
            row: dict[str, Any] = {str(key): _plain(value) for key, value in table.loc[name].items()}
            ends = {key: (d.interval.low[k], d.interval.high[k]) for key, d in drawn.items()}
            row["auroc"] = as_entry(drawn["auroc"].value[k], *ends.pop("auroc"))
            row["intervals"] = {key: {"low": float(low), "high": float(high)} for key, (low, high) in ends.items()}
            row["positive_patients"] = len(np.unique(patients[target[:, k] == 1]))
            findings[name] = row
        summary[part] = {
            "studies": len(target),
            "patients": int(who["patient_id"].nunique()),
            "findings": findings,
            "macro": _macro_classification(table, drawn),
            "by_view": _by_view(target, probs, who, views, replicates),
        }
    return summary


def bootstrap_metrics(
    target: Floats,
    probs: Floats,
    calibrated: Floats,
    decision: Decision,
    patients: npt.NDArray[np.str_],
    replicates: int,
) -> dict[str, MetricBootstrap]:
    """Return the metrics with intervals, BCa over patients and all on the same draws, by their names in the table."""

    def draw(metric: str, scores: Floats) -> MetricBootstrap:
        cuts = decision.thresholds if metric == "f1" else None
        return bootstrap_metric(metric, target, scores, patients, replicates, kind="bca", thresholds=cuts)

    plain = {metric: draw(metric, probs) for metric in ("auroc", "auprc", "brier", "ece")}
    return plain | {"f1": draw("f1", calibrated)} | {f"{m}_calibrated": draw(m, calibrated) for m in ("brier", "ece")}


def _macro_classification(table: pd.DataFrame, drawn: Mapping[str, MetricBootstrap]) -> dict[str, Any]:
    """Return the mean of every metric; macro F1 has an interval only where no finding stays outside of it."""
    macro: dict[str, Any] = {
        str(key): {"value": row["mean"], "over": int(row["over"])} for key, row in macro_table(table).iterrows()
    }
    for key, found in drawn.items():
        if macro[key]["over"] == found.over:
            macro[key] |= {"low": float(found.macro_interval.low), "high": float(found.macro_interval.high)}
    return macro


def tabulate(target: Floats, probs: Floats, calibrated: Floats, decision: Decision, prior: Floats) -> pd.DataFrame:
    """Return every metric of every finding: as it comes, calibrated, and corrected for another prevalence than val's.

    Args:
        target: ``(N, K)``.
        probs: ``(N, K)`` as they come.
        calibrated: ``(N, K)``.
        decision: what val decided.
        prior: ``(K,)`` prevalence in val, NaN where it supports no correction.

    Returns:
        Columns of `classification_table` and of `shift_table`, and ``calibration``, the rule of each curve.
    """
    table = classification_table(target, probs, calibrated, decision.thresholds, decision.rules)
    return table.join(shift_table(target, calibrated, prior)).assign(
        calibration=[curve.rule for curve in decision.calibrator.curves]
    )


def _by_view(target: Floats, probs: Floats, who: pd.DataFrame, views: pd.Series, replicates: int) -> dict[str, Any]:
    view = who["image_id"].map(views).to_numpy(str)
    result = {}
    for name in sorted({"PA", "AP"} & set(view)):
        chosen = view == name
        patients = who["patient_id"].to_numpy(str)[chosen]
        drawn = bootstrap_metric("auroc", target[chosen], probs[chosen], patients, replicates, kind="bca")
        ends = drawn.macro_interval
        result[name] = {
            **as_entry(drawn.macro, ends.low, ends.high),
            "over": drawn.over,
            "studies": int(chosen.sum()),
        }
    return result


def summarize_localization(
    scores: pd.DataFrame, replicates: int, predicted: Collection[tuple[str, str]] | None = None
) -> dict[str, Any]:
    """Return localization and skill per finding, macro and micro, for one explainer and half.

    Rule ``all``: a dead map scores 0; ``live`` beside it leaves dead maps out. Skill is a ratio of means, its parts
    resampled together. Findings with fewer than 20 boxes are given but left out of macro.

    Args:
        scores: rows of ``localization.parquet`` of one epoch.
        replicates: of the bootstrap.
        predicted: (image, finding) that the run predicts; their boxes are the slice ``predicted``.
    """
    live = ~scores["dead"].to_numpy(bool)
    values, patients = _values(scores), scores["patient_id"].to_numpy(str)
    summary = {
        **summarize_boxes(scores, replicates),
        "live": {"pairs": int(live.sum()), **_micro(values[live], patients[live], replicates)},
        "curves": summarize_curves(scores, replicates),
        "agreement": summarize_agreement(scores, replicates),
        "policies": summarize_policies(scores, replicates),
        "wang": summarize_wang(scores, replicates),
    }
    if predicted is not None:
        chosen = [key in predicted for key in zip(scores["image_id"], scores["finding"], strict=True)]
        summary["predicted"] = summarize_boxes(scores[np.array(chosen, bool)], replicates)
    return summary


def _values(scores: pd.DataFrame) -> Floats:
    """``(R, C)`` columns ``SCORES``, the run's own 0 where dead."""
    values = scores[list(SCORES)].to_numpy(np.float64).copy()
    values[scores["dead"].to_numpy(bool), :3] = 0.0
    return values


def summarize_boxes(scores: pd.DataFrame, replicates: int) -> dict[str, Any]:
    """Return the headline alone: scores and skill per finding, ``macro`` and ``micro``."""
    live, values = ~scores["dead"].to_numpy(bool), _values(scores)
    groups, patients, names = (
        number_findings(scores),
        scores["patient_id"].to_numpy(str),
        boxed_among(scores["finding"]),
    )
    # A finding without a prior (fewer than 20 other patients) still has scores: they are averaged on their own.
    plain = bootstrap_means(values[:, :3], groups, patients, replicates, n_groups=len(names))
    full = bootstrap_means(values, groups, patients, replicates, n_groups=len(names))
    boxes = count_boxes(scores)
    skills = {key: _skill(full, key, boxes) for key in ("iou", "energy")}
    findings = {}
    for k, name in enumerate(names):
        mine = groups == k
        findings[name] = {
            "boxes": int(boxes[k]),
            "pairs": int(mine.sum()),
            "dead": int((mine & ~live).sum()),
            "in_macro": bool(boxes[k] >= MIN_BOXES),
            "skill": skills["iou"]["findings"][k],
            "over_prior": float(skills["iou"]["difference"][k]),
            "energy_skill": skills["energy"]["findings"][k],
            **{key: one_mean(plain if c < 3 else full, k, c) for c, key in enumerate(SCORES)},
        }
    counted = boxes >= MIN_BOXES
    return {
        "findings": findings,
        "macro": {
            "over": int(counted.sum()),
            "skill": skills["iou"]["macro"],
            "energy_skill": skills["energy"]["macro"],
            **{key: macro_mean(plain if c < 3 else full, c, counted) for c, key in enumerate(SCORES)},
        },
        "micro": {"pairs": len(scores), "dead": int((~live).sum()), **_micro(values, patients, replicates)},
    }


def _skill(full: MeansBootstrap, key: str, boxes: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return skill in one score: by finding, the plain difference, and macro, its parts resampled together."""
    columns = [SCORES.index(name) for name in (key, f"prior_{key}", f"ceiling_{key}")]
    method, prior, ceiling = (full.value[:, c] for c in columns)
    drawn = [full.replicates[..., c] for c in columns]
    found, per_replicate = skill(method, prior, ceiling), skill(drawn[0], drawn[1], drawn[2])
    ends = interval(found.skill, per_replicate.skill, kind="percentile", patients=full.patients[:, 0])
    mean = macro_skill(method, prior, ceiling, boxes)
    low, high, _ = interval(mean, macro_skill(drawn[0], drawn[1], drawn[2], boxes), kind="percentile")
    return {
        "findings": [as_entry(found.skill[k], ends.low[k], ends.high[k]) for k in range(len(found.skill))],
        "difference": found.difference,
        "macro": as_entry(mean, low, high),
    }


def _micro(values: Floats, patients: npt.NDArray[np.str_], replicates: int) -> dict[str, Any]:
    drawn = bootstrap_means(values[:, :3], np.zeros(len(values), np.int64), patients, replicates, n_groups=1)
    return {key: one_mean(drawn, 0, c) for c, key in enumerate(SCORES[:3])}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
