"""Do the stored maps give the scores in the table? And does the checkpoint give logits and maps again?"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from cxr_xai.callbacks.box_probe import POLICY_SCORES, REFERENCES, SCORED, BoxProbe
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.errors import UserError
from cxr_xai.experiments.explaining import build_explainer
from cxr_xai.experiments.logits import predict_rows
from cxr_xai.experiments.reliance.measure import measure_run
from cxr_xai.experiments.reopen import choose_device, load_model, read_tta
from cxr_xai.experiments.verification.checks import Check, Difference, judge
from cxr_xai.experiments.verification.evidence import Evidence, require_known_targets
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.decision import read_calibration

SINGLE = 1e-5
"""Tolerance of scores: single precision, on another device perhaps."""
FULL, HALF = 1e-3, 5e-2
"""Tolerance of logits predicted again, of a network that was trained in full and in less than full precision."""

KEYS = ["image_id", "finding"]


def check_maps(evidence: Evidence) -> Iterator[Check]:
    """Score every stored map again against the boxes."""
    for half in ("sealed", "monitored"):
        name = f"maps, {half}"
        paths = sorted((evidence.folder.path / "explanations").glob(f"*/{half}-e*.npz"))
        if evidence.data is None:
            yield Check(name, "not checked", evidence.why_no_data)
        elif not paths:
            rows = (evidence.localization["half"] == half).any()
            yield Check(name, "not checked", "no maps were stored" if rows else "no boxes were scored")
        else:
            yield _check_half(evidence, evidence.data, half, name, paths)


def _check_half(evidence: Evidence, data: ChestXrayDataModule, half: str, name: str, paths: list[Path]) -> Check:
    most = None if half == "sealed" else evidence.settings["callbacks"]["explain"]["max_studies"]
    stand_in: Any = SimpleNamespace(name="")  # nothing is explained here
    probe = BoxProbe(data, stand_in, half, most)
    images = data.index.studies["image_id"].iloc[probe.rows].to_numpy(str)
    differences: list[Difference] = []
    scored = 0
    for path in paths:
        epoch = int(re.findall(r"\d+", path.stem)[-1])
        with np.load(path) as stored:
            names, maps, logits = stored["image_id"], stored["attribution"], stored["logits"]
        if not np.array_equal(names, images):
            differences.append(Difference(f"images of {path.name}", len(names), f"{len(images)} boxed ones"))
            continue
        found = probe.score(torch.from_numpy(maps), torch.from_numpy(logits), epoch).scores
        table = evidence.localization
        rows = (table["explainer"] == path.parent.name) & (table["half"] == half) & (table["epoch"] == epoch)
        differences += compare_scores(table[rows], found, f"{half} epoch {epoch}")
        scored += len(found)
    return judge(name, differences, f"{scored:,} maps scored again, equal within {SINGLE:g}")


def compare_scores(stored: pd.DataFrame, found: pd.DataFrame, place: str) -> list[Difference]:
    """Compare two tables of scores, row by row of (image, finding); residuals cannot be told from stored maps."""
    one, other = (table.set_index(KEYS).sort_index() for table in (stored, found))
    if not one.index.equals(other.index):
        return [Difference(f"rows of {place}", len(one), len(other))]
    differences = []
    for row in np.flatnonzero(one["grid"].to_numpy(str) != other["grid"].to_numpy(str))[:1]:
        differences.append(Difference(f"grid of {place}", one["grid"].iloc[int(row)], other["grid"].iloc[int(row)]))
    for key in ("boxes", "dead", "prob", *SCORED, *POLICY_SCORES, *REFERENCES):
        a, b = one[key].to_numpy(np.float64), other[key].to_numpy(np.float64)
        for row in np.flatnonzero(~np.isclose(a, b, rtol=0, atol=SINGLE, equal_nan=True)):
            where = " ".join(str(part) for part in one.index[int(row)])
            differences.append(Difference(f"{key} of {place} {where}", float(a[row]), float(b[row])))
    return differences


def check_again(evidence: Evidence) -> Iterator[Check]:
    """Predict val and test again from the best checkpoint, and make the sealed maps again."""
    if evidence.data is None:
        yield Check("logits again", "not checked", evidence.why_no_data)
        return
    if not evidence.folder.best.is_file():
        yield Check("logits again", "not checked", "the run kept no best checkpoint")
        return
    device = choose_device("auto")
    tolerance = FULL if str(evidence.settings["trainer"].get("precision", "32")).startswith("32") else HALF
    try:
        require_known_targets(evidence.settings)
        model = load_model(evidence.folder, evidence.settings).to(device)
        explainer = build_explainer(evidence.settings["explainer"], evidence.data)
    except (UserError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        yield Check("logits again", "does not hold", f"checkpoint and config.yaml do not go together: {reason}")
        return
    differences = _logits(evidence, evidence.data, model, device, tolerance)
    yield judge("logits again", differences, f"predicted again on {device.type}, equal within {tolerance:g}")
    if evidence.folder.reliance.is_file():
        decision = read_calibration(evidence.folder.calibration)
        found = measure_run(evidence.data, model, read_tta(evidence.settings), device, decision)
        yield judge("shortcuts again", _same_reliance(evidence, found, tolerance), "films rendered and predicted again")
    probe = BoxProbe(evidence.data, explainer, "sealed")
    path = evidence.folder.explanations(explainer.name) / f"sealed-e{evidence.summary['best_epoch']:03d}.npz"
    if not path.is_file():
        yield Check("maps again", "not checked", "no sealed maps were stored")
        return
    again = probe.explain(model, device, evidence.summary["best_epoch"]).attribution.numpy()
    with np.load(path) as stored:
        maps = stored["attribution"]
    same = maps.shape == again.shape
    apart = float(np.abs(maps - again).max() / np.abs(maps).max()) if same else np.inf
    wrong = [] if apart <= tolerance else [Difference("largest distance of a sealed map, relative", 0.0, apart)]
    yield judge(
        "maps again", wrong, f"{len(maps):,} studies explained again, equal within {tolerance:g} of the maximum"
    )


def _same_reliance(evidence: Evidence, found: pd.DataFrame | None, tolerance: float) -> list[Difference]:
    stored = pd.read_parquet(evidence.folder.reliance)
    keys = ["image_id", "shortcut", "finding"]
    if found is None or not stored[keys].equals(found[keys].astype(stored[keys].dtypes)):
        return [Difference("rows of reliance.parquet", len(stored), 0 if found is None else len(found))]
    differences = []
    for column in ("logit", "logit_without"):
        one, other = (table[column].to_numpy(np.float64) for table in (stored, found))
        for row in np.flatnonzero(~np.isclose(one, other, rtol=0, atol=tolerance, equal_nan=True)):
            place = " ".join(stored[keys].iloc[int(row)])
            differences.append(Difference(f"{column} of {place}", float(one[row]), float(other[row])))
    return differences


def _logits(
    evidence: Evidence, data: ChestXrayDataModule, model: nn.Module, device: torch.device, tolerance: float
) -> list[Difference]:
    tta = read_tta(evidence.settings)
    stored = evidence.predictions.pivot(index="image_id", columns="finding", values="logit")[list(FINDINGS)]
    differences = []
    for part in evidence.predicted:
        dataset = data.dataset(part)
        names = data.index.studies["image_id"].iloc[dataset.rows].to_numpy(str)
        found = predict_rows(partial(tta, model), data, dataset.rows, device)
        table = stored.reindex(names).to_numpy(np.float64)
        for row, k in np.argwhere(~(np.abs(table - found) <= tolerance)):
            place = f"logit of {names[row]} {FINDINGS[k]}"
            differences.append(Difference(place, float(table[row, k]), float(found[row, k])))
    return differences
