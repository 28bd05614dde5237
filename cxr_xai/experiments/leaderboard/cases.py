"""Which maps are judged: true positives by their lesions, studies that lean on a shortcut by its mask, or boxes."""

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.leaderboard_folder import CASE_COLUMNS
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.errors import UserError
from cxr_xai.experiments.leaderboard.subject import Subject
from cxr_xai.experiments.reliance.measure import LOCAL, kind_of
from cxr_xai.findings import FINDINGS

SHOWN = {"lesion": 4, "for": 3, "box": 6}
"""How many cases of a kind the page shows."""


def phantom_cases(subject: Subject, reliance: pd.DataFrame, max_studies: int | None) -> pd.DataFrame:
    """Return the cases of a phantom run.

    Args:
        subject: the run.
        reliance: from `measure_reliance`.
        max_studies: at most so many of each finding, and of each finding that leans on each shortcut, by hash of the
            image id; None takes all.

    Raises:
        UserError: there is none.
    """
    said = subject.predictions[subject.predictions["part"] == "test"]
    right = said[(said["target"] == 1) & said["pred"].astype(bool)]
    lesions = right[["image_id", "patient_id", "finding"]].assign(kind="lesion", shortcut="", change=np.nan)
    lesions["prob"] = right["calibrated"]
    leaning = reliance[reliance["shortcut"].isin(LOCAL)]
    leaning = leaning.assign(kind=kind_of(leaning), change=leaning["prob"] - leaning["prob_without"])
    leaning = leaning[leaning["kind"] != "neither"]
    columns = ["kind", "image_id", "patient_id", "finding", "shortcut", "change", "prob"]
    cases = limit(pd.concat([lesions[columns], leaning[columns]], ignore_index=True), max_studies)
    if cases.empty:
        raise UserError(f"{subject.folder.path} predicts no finding rightly and leans on no shortcut: nothing to rank.")
    return complete(cases, subject)


def box_cases(subject: Subject, probe: BoxProbe, max_studies: int | None) -> pd.DataFrame:
    """Return the boxed (study, finding) pairs of the probe's half, in its order.

    Raises:
        UserError: there is none.
    """
    table = probe.pairs.table.assign(kind="box", shortcut="", change=np.nan, pair=np.arange(len(probe.pairs.table)))
    said = subject.predictions.set_index(["image_id", "finding"])["calibrated"]
    table["prob"] = said.reindex(pd.MultiIndex.from_frame(table[["image_id", "finding"]])).to_numpy()
    if table.empty:
        raise UserError(
            f"{subject.folder.path} has neither a phantom's truth nor {probe.half} boxes: nothing to rank by."
        )
    return complete(limit(table, max_studies).sort_values("pair", kind="stable"), subject)


def limit(cases: pd.DataFrame, max_studies: int | None) -> pd.DataFrame:
    """Return at most so many cases of each kind, shortcut and finding, those whose image id hashes lowest."""
    groups = ["kind", "shortcut", "finding"]
    ordered = cases.assign(order=[hashlib.sha256(name.encode()).hexdigest() for name in cases["image_id"]])
    ordered = ordered.sort_values("order", kind="stable")
    if max_studies is not None:
        ordered = ordered[ordered.groupby(groups, sort=False).cumcount() < max_studies]
    return ordered.reset_index(drop=True)


def complete(cases: pd.DataFrame, subject: Subject) -> pd.DataFrame:
    """Add number, table row, and which of them the page shows."""
    names = subject.data.index.studies["image_id"]
    rows = pd.Series(np.arange(len(names)), index=names.to_numpy(str))
    cases = cases.assign(row=rows.reindex(cases["image_id"]).to_numpy(np.int64), shown=choose_shown(cases))
    cases = cases.reset_index(drop=True)
    return cases.assign(case=np.arange(len(cases)))[[*CASE_COLUMNS, *(["pair"] if "pair" in cases else [])]]


def choose_shown(cases: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Choose a few of each kind: one of a finding or shortcut, then a second, and so on; those of a shortcut that
    weighs most come first."""
    shown = np.zeros(len(cases), bool)
    places = {name: k for k, name in enumerate(FINDINGS)}
    turn = cases.groupby(["kind", "shortcut", "finding"]).cumcount()
    weight = -cases["change"].where(cases["kind"] == "for")
    turn = turn.where(weight.isna(), weight.groupby(cases["shortcut"]).rank(method="first"))
    place = cases["finding"].map(places)
    for kind, count in SHOWN.items():
        mine = np.flatnonzero((cases["kind"] == kind).to_numpy())
        shown[mine[np.lexsort((place.to_numpy()[mine], turn.to_numpy()[mine]))][:count]] = True
    return shown
