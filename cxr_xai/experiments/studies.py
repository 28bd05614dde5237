"""The studies of a complete run, opened again with network and films, for questions about many of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.artifacts.ledger import note_read
from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, RunFolder
from cxr_xai.data.anatomy.atlas import AtlasAnatomy
from cxr_xai.data.anatomy.folder import FolderAnatomy
from cxr_xai.data.anatomy.phantom import PhantomAnatomy
from cxr_xai.data.anatomy.regions import Anatomy
from cxr_xai.data.background import first_by_hash
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.errors import UserError
from cxr_xai.experiments.reopen import open_run
from cxr_xai.files import read_json
from cxr_xai.findings import FINDINGS
from cxr_xai.models.classifier import Classifier

Settings = Mapping[str, Any]
Floats = npt.NDArray[np.float64]
READ = ("target", "logit", "pred")
ALIGNED = ("rows", "image_id", "patient_id", "view", "target", "logits", "pred")


@dataclass(frozen=True)
class Studies:
    """Some test studies of a run.

    Attributes:
        folder: of the run.
        settings: its ``config.yaml``.
        data: its source.
        model: with its best weights, on ``device``.
        device: where it runs.
        weights: SHA-256 of the checkpoint.
        rows: ``(N,)`` of the studies in the study table.
        image_id: ``(N,)``.
        patient_id: ``(N,)``.
        view: ``(N,)`` ``PA``, ``AP`` or empty.
        target: ``(N, K)``, NaN unknown.
        logits: ``(N, K)`` as the run predicted them.
        pred: ``(N, K)`` at the thresholds of val.
        of: how many studies they were chosen from.
    """

    folder: RunFolder
    settings: Settings
    data: ChestXrayDataModule
    model: Classifier
    device: torch.device
    weights: str
    rows: npt.NDArray[np.int64]
    image_id: npt.NDArray[np.str_]
    patient_id: npt.NDArray[np.str_]
    view: npt.NDArray[np.str_]
    target: Floats
    logits: Floats
    pred: npt.NDArray[np.bool_]
    of: int

    def __len__(self) -> int:
        """Return ``N``."""
        return len(self.rows)

    def take(self, which: npt.NDArray[np.int64]) -> "Studies":
        """Return these studies alone, in this order."""
        kept = {key: getattr(self, key)[which] for key in ALIGNED}
        return replace(self, **kept)

    def find(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the positions of studies by image id.

        Raises:
            KeyError: one is not among them.
        """
        at = {name: n for n, name in enumerate(self.image_id.tolist())}
        return np.array([at[name] for name in names], np.int64)

    def films(self, which: Sequence[int] | npt.NDArray[np.int64]) -> Tensor:
        """Return ``(n, 1, H, W)`` float films in [0, 1] of these positions, on the CPU."""
        rows = self.rows[np.asarray(which, np.int64)]
        image: Tensor = self.data.plain(self.data.dataset_of(rows).batch(rows), 0).image
        return image


def open_studies(
    folder: RunFolder, root: str | None, cache: str, most: int, purpose: str, predicted: bool = False
) -> Studies:
    """Open a run's test studies; the reading of their labels is noted in its ledger.

    Args:
        folder: of a complete run.
        root: the folder of the data, None where ``config.yaml`` has it.
        cache: where films are decoded to, if the run's own place is not on this machine.
        most: at most so many, the first by hash of their image ids: the same ones for every run on these data.
        purpose: for the ledger.
        predicted: only studies in which the run predicts a finding.

    Raises:
        UserError: the run is not complete, or data or checkpoint cannot be reached or are not the run's.
    """
    run = open_run(folder.path)
    data = run.reach(root, cache)
    if data.split.hash != read_json(folder.certificate)["split"]["sha256"]:
        raise UserError(f"the data at {data.root} are not divided as the run's were; root=… names the run's own.")
    table = pd.read_parquet(folder.predictions)
    table = table[table["part"] == "test"]
    note_read(folder.ledger, "test labels", purpose, int(table["image_id"].nunique()))
    wide = {key: table.pivot(index="image_id", columns="finding", values=key)[list(FINDINGS)] for key in READ}
    names = wide["logit"].index
    if predicted:
        names = names[(wide["pred"] > 0).any(axis=1)]
    if not len(names):
        raise UserError(f"{folder.path} predicts nothing on test; there are no studies to look at.")
    names = names[first_by_hash(names.tolist(), most)]
    studies = data.index.studies.reset_index().set_index("image_id").loc[names]
    values = {key: one.loc[names].to_numpy(np.float64) for key, one in wide.items()}
    return Studies(
        folder,
        run.settings,
        data,
        run.model,
        run.device,
        run.weights,
        studies["index"].to_numpy(np.int64),
        names.to_numpy(str),
        studies["patient_id"].to_numpy(str),
        studies["view"].fillna("").to_numpy(str),
        values["target"],
        values["logit"],
        values["pred"] > 0,
        len(wide["logit"]),
    )


def require_paths(settings: Settings, keys: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Refuse a place that is no text.

    Raises:
        UserError: names the first such key.
    """
    for key in (*keys, *optional):
        if not isinstance(settings[key], str) and not (settings[key] is None and key in optional):
            raise UserError(f"{key}={settings[key]}: expected the path of a folder{' or null' * (key in optional)}.")


def read_test(folder: RunFolder) -> tuple[Floats, Floats, npt.NDArray[np.bool_], npt.NDArray[np.str_]]:
    """Return ``(N, K)`` targets, logits and predictions and ``(N,)`` patients of the whole test part."""
    table = pd.read_parquet(folder.predictions)
    table = table[table["part"] == "test"]
    target, logits, pred = (
        table.pivot(index="image_id", columns="finding", values=key)[list(FINDINGS)] for key in READ
    )
    patients = table.drop_duplicates("image_id").set_index("image_id")["patient_id"].loc[target.index]
    return target.to_numpy(np.float64), logits.to_numpy(np.float64), pred.to_numpy() > 0, patients.to_numpy(str)


def choose_anatomy(data: ChestXrayDataModule, masks: str | Path | None) -> Anatomy:
    """Return the best source of regions at hand: given masks, else the phantom's own outlines, else the atlas.

    Raises:
        UserError: the masks are no folder.
    """
    if masks is not None:
        return FolderAnatomy(masks)
    return PhantomAnatomy(data.root) if data.index.name == "phantom" else AtlasAnatomy()


def read_sealed(folder: RunFolder, purpose: str) -> pd.DataFrame:
    """Return the sealed rows of the run's first explainer, none where no box was scored; the reading is noted.

    Args:
        folder: of the run.
        purpose: for the ledger.
    """
    if not folder.localization.is_file():
        return pd.DataFrame(columns=list(LOCALIZATION_COLUMNS))
    table = pd.read_parquet(folder.localization)
    table = table[table["half"] == "sealed"]
    if len(table):
        note_read(folder.ledger, "sealed boxes", purpose, len(table))
        table = table[table["explainer"] == table["explainer"].iloc[0]]
    return table
