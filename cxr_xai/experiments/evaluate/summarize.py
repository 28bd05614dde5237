"""All numbers of an evaluation: those of a run's summary, on other films."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.file import read_split
from cxr_xai.errors import UserError
from cxr_xai.experiments.certify import make_card
from cxr_xai.experiments.controls.run import build_source
from cxr_xai.experiments.evaluate.scored import Scored
from cxr_xai.experiments.flags import raise_flags
from cxr_xai.experiments.references import score_label_only
from cxr_xai.experiments.reopen import Run
from cxr_xai.experiments.results import summarize_maps
from cxr_xai.experiments.summary import summarize_classification
from cxr_xai.metrics.decision import Decision

Settings = Mapping[str, Any]
Training = tuple[pd.DataFrame, npt.NDArray[np.float32]]


def summarize_evaluation(
    run: Run,
    data: ChestXrayDataModule,
    scored: Scored,
    certificate: Settings,
    decision: Decision,
    tables: tuple[pd.DataFrame, pd.DataFrame],
    folder: RunFolder,
    settings: Settings,
) -> dict[str, Any]:
    """Put all numbers together; ``test`` is what was scored, ``val`` the run's own, which decided.

    Args:
        run: opened.
        data: that was scored.
        scored: the studies.
        certificate: of the evaluation.
        decision: of the run's val.
        tables: predictions of the run's val, and of the scored studies.
        folder: whose ``localization.parquet`` is read, if there is one.
        settings: ``bootstrap`` and ``root``.
    """
    replicates, studies = settings["bootstrap"], data.index.studies
    both = pd.concat([tables[0], tables[1].assign(part="test")], ignore_index=True)
    classification = summarize_classification(both, studies.set_index("image_id")["view"], replicates, decision)
    classification["val"]["by_view"] = {}  # views are those of the data at hand, and val may be of others
    training = read_training(run, data, scored, settings["root"])
    maps = pd.read_parquet(folder.localization) if folder.localization.is_file() else None
    card = make_card(certificate, classification["test"]["macro"]["auroc"]["over"])
    numbers = {
        "protocol": card.as_dict(),
        "classification": classification,
        "label_only": None if training is None else score_label_only(*training, studies, both, replicates),
        "weights": certificate.get("weights"),  # what the network began with: a flag may hang on it
        "localization": {} if maps is None else summarize_maps(maps, replicates, both[both["part"] == "test"], data),
    }
    return {
        **numbers,
        "flags": raise_flags(numbers, both, replicates),
        "best_epoch": decision.epoch,
        "explain_share": None,
    }


def read_training(run: Run, data: ChestXrayDataModule, scored: Scored, root: str | None) -> Training | None:
    """Return labels of the run's own training part and their targets; None where its tables are out of reach.

    Args:
        run: opened.
        data: that are scored; its training part is of these where the source is the same.
        scored: the studies.
        root: the folder of the run's data, None where ``config.yaml`` has it.
    """
    index = data.index
    if not scored.same_source:
        place = Path(root or run.settings["datamodule"]["root"])
        if not place.is_dir():
            return None
        try:  # tables alone: what it takes to read its films is not wanted here
            index = build_source({"datamodule": {**run.settings["datamodule"], "root": str(place)}}).tables
        except UserError:
            return None
    parts = read_split(run.folder.split)[1].set_index("image_id")["part"]
    mine = (index.studies["image_id"].map(parts) == "train").to_numpy()
    mine = mine & (index.present | (not scored.same_source))  # tables alone have no film
    known = mine.any() and not np.isnan(index.targets[mine]).all()  # adjudicated labels know few films of training
    return (index.studies[mine], index.targets[mine]) if known else None
