"""Is every number of the summary the one that its tables give?"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch

from cxr_xai.experiments.build import build
from cxr_xai.experiments.flags import raise_flags
from cxr_xai.experiments.references import summarize_label_only
from cxr_xai.experiments.reliance.summarize import summarize_reliance
from cxr_xai.experiments.results import summarize_maps
from cxr_xai.experiments.summary import summarize_classification, widen
from cxr_xai.experiments.verification.checks import TOLERANCE, Check, Difference, compare, judge
from cxr_xai.experiments.verification.evidence import Evidence, require_known_targets
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.decision import Decision, fit_decision, read_calibration

Summary = Mapping[str, Any]


def check_numbers(evidence: Evidence) -> Iterator[Check]:
    """Recompute the summary from predictions, scores and metrics, and compare number by number."""
    summary, replicates = evidence.summary, evidence.settings["bootstrap"]
    require_known_targets(evidence.settings)
    decision = _decide_again(evidence)
    yield judge("calibration", _calibration(evidence, decision), "fitted again on val; every probability by its curve")
    classification = _classification(evidence, decision)
    thresholds = [
        difference
        for part in ("val", "test")
        for difference in _thresholds(summary["classification"][part], classification[part], part)
    ]
    yield judge("thresholds", thresholds, "chosen again on val: the same")
    for part in ("val", "test"):
        stored, found = summary["classification"][part], classification[part]
        if evidence.data is None:
            stored, found = ({k: v for k, v in node.items() if k != "by_view"} for node in (stored, found))
        yield judge(f"numbers, {part}", compare(stored, found, place=part), _counted(found))
    if evidence.data is None:
        yield Check("AUROC by view", "not checked", evidence.why_no_data)
        yield Check("age, sex, view alone", "not checked", evidence.why_no_data)
        label_only = _with_nan(summary["label_only"])
    else:
        label_only = summarize_label_only(evidence.data, evidence.predictions, replicates)
        differences = compare(summary["label_only"], label_only, place="label_only")
        yield judge("age, sex, view alone", differences, "fitted again: the same")
    localization = summarize_maps(evidence.localization, replicates, evidence.predictions, evidence.data)
    stored = summary["localization"]
    if evidence.data is None:
        yield Check("controls on boxes", "not checked", evidence.why_no_data)
        stored = {explainer: _without_controls(halves) for explainer, halves in stored.items()}
    differences = compare(stored, localization, place="localization")
    yield judge("numbers, boxes", differences, _counted(localization))
    yield from _reliance(evidence)
    numbers = {"protocol": summary["protocol"], "classification": classification, "localization": localization}
    weights = evidence.certificate.get("weights")
    flags = raise_flags({**numbers, "label_only": label_only, "weights": weights}, evidence.predictions, replicates)
    yield judge("flags", compare(summary["flags"], flags, place="flags"), f"{len(flags)} raised again")
    yield judge("epochs", _epochs(evidence), "as in metrics.csv, the best checkpoint and config.yaml")


def _reliance(evidence: Evidence) -> Iterator[Check]:
    """Recompute what is said of shortcuts, where the run measured it."""
    stored, path = evidence.summary.get("reliance"), evidence.folder.reliance
    if stored is None and not path.is_file():
        return
    found = summarize_reliance(pd.read_parquet(path), evidence.settings["bootstrap"])
    yield judge("numbers, shortcuts", compare(stored, found, place="reliance"), _counted(found))


def _calibration(evidence: Evidence, decision: Decision) -> list[Difference]:
    """Compare ``calibration.json`` with what val gives, and the column ``calibrated`` with its curves."""
    stored = read_calibration(evidence.folder.calibration)
    differences = compare(asdict(stored), asdict(decision), place="calibration.json")
    for part in evidence.predicted:
        _, calibrated, who = widen(evidence.predictions, part, "calibrated")
        expected = decision.calibrate(widen(evidence.predictions, part, "logit")[1])
        for row, k in np.argwhere(~np.isclose(calibrated, expected, rtol=0, atol=TOLERANCE, equal_nan=True)):
            place = f"calibrated of {who['image_id'].iloc[int(row)]} {FINDINGS[k]}"
            differences.append(Difference(place, float(calibrated[row, k]), float(expected[row, k])))
    return differences


def _classification(evidence: Evidence, decision: Decision) -> dict[str, Any]:
    views = pd.Series(dtype=object)
    if evidence.data is not None:
        views = evidence.data.index.studies.set_index("image_id")["view"]
    return summarize_classification(evidence.predictions, views, evidence.settings["bootstrap"], decision)


def _decide_again(evidence: Evidence) -> Decision:
    """Fit curves and thresholds to val again."""
    target, logits, _ = widen(evidence.predictions, "val", "logit")
    calibration, threshold = (build(evidence.settings[key], key) for key in ("calibration", "threshold"))
    return fit_decision(calibration, threshold, logits, target, int(evidence.summary["best_epoch"]))


def _thresholds(stored: Summary, found: Summary, part: str) -> list[Difference]:
    one, other = (
        {name: {key: row[key] for key in ("threshold", "threshold_rule")} for name, row in node["findings"].items()}
        for node in (stored, found)
    )
    return compare(one, other, place=part)


def _without_controls(halves: Summary) -> dict[str, Any]:
    return {half: {key: node for key, node in rows.items() if key != "controls"} for half, rows in halves.items()}


def _counted(node: Any) -> str:
    return f"{_count(node):,} recomputed, equal within {TOLERANCE:g}"


def _count(node: Any) -> int:
    if isinstance(node, Mapping):
        return sum(_count(child) for child in node.values())
    return int(isinstance(node, int | float))


def _with_nan(node: Any) -> Any:
    """Take null back to NaN, as numbers were before they were written."""
    if isinstance(node, Mapping):
        return {key: _with_nan(child) for key, child in node.items()}
    return math.nan if node is None else node


def _epochs(evidence: Evidence) -> list[Difference]:
    summary, settings, metrics = evidence.summary, evidence.settings, evidence.folder.read_metrics()
    differences: list[Difference] = []
    if evidence.folder.best.is_file():  # keep=[last] leaves none
        best = torch.load(evidence.folder.best, map_location="cpu", weights_only=True)["epoch"]
        differences = compare(summary["best_epoch"], int(best), place="best_epoch (checkpoint)")
    keeper = settings["callbacks"]["checkpoint"]
    watched = metrics[metrics["key"] == keeper["monitor"]].dropna()
    if len(watched):
        value = watched["value"].min() if keeper["mode"] == "min" else watched["value"].max()
        candidates = watched.loc[watched["value"] == value, "epoch"].astype(int).tolist()
        if summary["best_epoch"] not in candidates:
            differences.append(Difference("best_epoch (metrics.csv)", summary["best_epoch"], candidates[0]))
    trained = metrics.loc[metrics["key"] == "train/loss", "epoch"]
    differences += compare(summary["epochs"], int(trained.max()) + 1 if len(trained) else 0, place="epochs")
    return differences + compare(summary["max_epochs"], settings["trainer"]["max_epochs"], place="max_epochs")
