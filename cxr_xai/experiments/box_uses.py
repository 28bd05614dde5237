"""Every use that a run puts boxes to, in words and by patient: watched, trained on, selected by, sealed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.split import SELECTION
from cxr_xai.errors import UserError
from cxr_xai.experiments.check import selects_by_boxes

Settings = Mapping[str, Any]
Rows = npt.NDArray[np.int64]

WATCHED = ("monitored", "sealed")
TRAINED = "trained on"


def rows_by_use(datamodule: ChestXrayDataModule, settings: Settings) -> dict[str, Rows]:
    """Return the rows of boxed studies: ``monitored``, ``sealed``, and ``trained`` and ``selection`` where used so."""
    rows = {half: datamodule.boxed_rows(half) for half in WATCHED}
    guidance = settings.get("guidance") or {}
    if guidance.get("needs") == "boxes" and (fraction := float(guidance.get("annotated_fraction", 1.0))):
        rows["trained"] = datamodule.guided_rows(fraction)
    if SELECTION in datamodule.split.parts:
        rows["selection"] = datamodule.boxed_rows(SELECTION)
    return rows


def describe_uses(datamodule: ChestXrayDataModule, settings: Settings, rows: Mapping[str, Rows]) -> str:
    """Name all uses: ``none``, or of ``monitored``, ``trained on (…)`` and ``selected by (…)`` those that apply.

    Boxes of the selection fold that choose nothing are watched. Sealed ones are test and no use.

    Raises:
        UserError: boxes are to choose the epoch and there are none.
    """
    callbacks, selects = settings["callbacks"], selects_by_boxes(settings)
    if selects and not len(rows.get("selection", ())):
        raise UserError(
            "callbacks.checkpoint.monitor=selection/score: this split has no boxed studies set aside to choose an "
            "epoch by; use split=patient or split=kfold with split.selection=0.5, or a value of val."
        )
    watched = callbacks.get("explain") or (callbacks.get("selection") and "selection" in rows and not selects)
    uses = ["monitored"] if watched else []
    if "trained" in rows:
        uses.append(f"{TRAINED} ({_count(datamodule, rows['trained'])} of train)")
    if selects:
        uses.append(f"selected by ({_count(datamodule, rows['selection'])})")
    return ", ".join(uses) or "none"


def describe_score(settings: Settings, rows: Mapping[str, Rows]) -> dict[str, str]:
    """Return what the score of the selection fold is made of, and nothing where none is computed."""
    scorer = settings["callbacks"].get("selection")
    if not scorer or "selection" not in rows:
        return {}
    weight, means = scorer["weight"], scorer["localization"]
    words = f"{weight:g} × macro AUROC on val + {1 - weight:g} × mean {means} in the boxes"
    return {"selection_score": words}


def count_shared(datamodule: ChestXrayDataModule, rows: Mapping[str, Rows]) -> int:
    """Return how many patients have boxes in more than one use, sealed among them."""
    owners = datamodule.index.studies["patient_id"]
    patients = np.concatenate([owners.iloc[found].unique() for found in rows.values()])
    _, counts = np.unique(patients.astype(str), return_counts=True)
    return int((counts > 1).sum())


def _count(datamodule: ChestXrayDataModule, rows: Rows) -> str:
    studies, boxes = datamodule.index.studies.iloc[rows], datamodule.index.boxes
    owned = int(boxes["image_id"].isin(studies["image_id"]).sum())
    return f"{owned} boxes of {studies['patient_id'].nunique()} patients"
