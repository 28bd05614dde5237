"""Do predictions and scores agree with themselves, with the labels and with each other?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PREDICTION_COLUMNS, RELIANCE_COLUMNS
from cxr_xai.experiments.reliance.measure import ALL
from cxr_xai.experiments.verification.checks import Check, Difference, compare, judge
from cxr_xai.experiments.verification.evidence import Evidence
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.decision import read_calibration

SIGMOID = 1e-9
SINGLE = 1e-5
"""Tolerance of what is stored in single precision."""
SCORED = ("pointing", "energy", "iou")


def check_tables(evidence: Evidence) -> Iterator[Check]:
    """Check the rows of both tables."""
    yield judge("rows", _rows(evidence), f"each image of {', '.join(evidence.predicted)} with each finding, once")
    yield judge("probabilities", _probabilities(evidence), f"prob = sigmoid(logit), within {SIGMOID:g}")
    yield judge("predictions", _decisions(evidence), "pred = calibrated probability at or above the threshold")
    yield _targets(evidence)
    yield judge("box halves", _halves(evidence), "watched and sealed patients are disjoint; sealed maps of one epoch")
    if evidence.folder.reliance.is_file():
        yield judge("shortcuts", _shortcuts(evidence), "every test study without its shortcuts, by the same curves")
    yield judge("scores", _scores(evidence), f"at most the ceiling, none for dead maps, within {SINGLE:g}")


def _rows(evidence: Evidence) -> list[Difference]:
    table = evidence.predictions
    differences = compare(list(table.columns), list(PREDICTION_COLUMNS), place="columns")
    counts = table.groupby("image_id")["finding"].agg(["size", "nunique"])
    wrong = counts[(counts["size"] != len(FINDINGS)) | (counts["nunique"] != len(FINDINGS))]
    for row in wrong.itertuples():
        differences.append(Difference(f"rows of {row.Index}", row.size, len(FINDINGS)))
    for part in evidence.predicted:
        found = table.loc[table["part"] == part, "image_id"].nunique()
        differences += compare(found, evidence.certificate["split"]["images"][part], place=f"images of {part}")
    return differences


def _probabilities(evidence: Evidence) -> list[Difference]:
    table = evidence.predictions
    expected = 1 / (1 + np.exp(-table["logit"].to_numpy(np.float64)))
    return _cells(table, "prob", expected, SIGMOID)


def _decisions(evidence: Evidence) -> list[Difference]:
    table = evidence.predictions
    rows = evidence.summary["classification"]["test"]["findings"]
    cut = table["finding"].map({name: row["threshold"] for name, row in rows.items()}).astype(float)
    return _cells(table, "pred", (table["calibrated"] >= cut).to_numpy(np.float64), 0)


def _cells(table: pd.DataFrame, column: str, expected: np.ndarray, tolerance: float) -> list[Difference]:
    stored = table[column].to_numpy(np.float64)
    wrong = ~np.isclose(stored, expected, rtol=0, atol=tolerance, equal_nan=True)
    places = (table["image_id"] + " " + table["finding"]).to_numpy(str)
    return [
        Difference(f"{column} of {place}", float(a), float(b))
        for place, a, b in zip(places[wrong], stored[wrong], expected[wrong], strict=True)
    ]


def _targets(evidence: Evidence) -> Check:
    if evidence.data is None:
        return Check("targets", "not checked", evidence.why_no_data)
    labels = evidence.data.index.studies.set_index("image_id")[list(FINDINGS)].stack(future_stack=True)
    keys = pd.MultiIndex.from_frame(evidence.predictions[["image_id", "finding"]])
    expected = labels.reindex(keys).to_numpy(np.float64)
    return judge("targets", _cells(evidence.predictions, "target", expected, 0), "as in the label file")


def _halves(evidence: Evidence) -> list[Difference]:
    table = evidence.localization
    sealed, watched = (table[table["half"] == half] for half in ("sealed", "monitored"))
    both = sorted(set(sealed["patient_id"]) & set(watched["patient_id"]))
    differences = [Difference(f"patient {patient}", "in one half", "in both") for patient in both]
    if len(sealed):
        epochs = sorted({int(epoch) for epoch in sealed["epoch"]})
        differences += compare(epochs, [evidence.summary["best_epoch"]], place="epoch of the sealed maps")
    return differences


def _shortcuts(evidence: Evidence) -> list[Difference]:
    """Compare ``reliance.parquet`` with the predictions: studies, labels, probabilities by the curves of val."""
    table = pd.read_parquet(evidence.folder.reliance)
    differences = compare(list(table.columns), list(RELIANCE_COLUMNS), place="columns of reliance.parquet")
    keys = ["image_id", "patient_id", "finding"]
    whole = table[table["shortcut"] == ALL].set_index(keys)["target"].sort_index()
    said = evidence.predictions
    test = said[said["part"] == "test"].set_index(keys)["target"].sort_index()
    if not whole.index.equals(test.index):
        differences.append(Difference("test studies × findings in reliance.parquet", len(whole), len(test)))
    else:
        labels = whole.reset_index()
        labels["image_id"] += " in reliance.parquet,"
        differences += _cells(labels, "target", test.to_numpy(np.float64), 0)
    twice = table.duplicated(["image_id", "shortcut", "finding"])
    differences += [Difference(f"rows of {name} in reliance.parquet", 2, 1) for name in table.loc[twice, "image_id"]]
    decision = read_calibration(evidence.folder.calibration)
    for end in ("", "_without"):
        logits = table[f"logit{end}"].to_numpy(np.float64).reshape(-1, len(FINDINGS))
        differences += _cells(table, f"prob{end}", decision.calibrate(logits).ravel(), SIGMOID)
    return differences


def _scores(evidence: Evidence) -> list[Difference]:
    table = evidence.localization
    differences = compare(list(table.columns), list(LOCALIZATION_COLUMNS), place="columns")
    twice = table.duplicated(["explainer", "epoch", "half", "image_id", "finding"])
    places = (table["half"] + " epoch " + table["epoch"].astype(str) + " " + table["image_id"]).to_numpy(str)
    differences += [Difference(f"rows of {place}", 2, 1) for place in places[twice.to_numpy(bool)]]
    for key in ("iou", "energy"):
        above = (table[key] > table[f"ceiling_{key}"] + SINGLE).to_numpy(bool)
        differences += [
            Difference(f"{key} of {place}", float(value), f"at most {float(top):.6g}")
            for place, value, top in zip(
                places[above], table.loc[above, key], table.loc[above, f"ceiling_{key}"], strict=True
            )
        ]
    scored = table["dead"].astype(bool).to_numpy() & table[list(SCORED)].notna().any(axis=1).to_numpy(bool)
    return differences + [Difference(f"scores of the dead map {place}", "given", None) for place in places[scored]]
