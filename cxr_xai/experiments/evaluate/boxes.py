"""Maps of the scored studies that have boxes, by the run's own explainer."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.ledger import note_read
from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS
from cxr_xai.callbacks.box_probe import READ, BoxProbe
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.box_halves import HALVES, box_half
from cxr_xai.data.splits.split import LISTED
from cxr_xai.experiments.evaluate.scored import Scored, read_met
from cxr_xai.experiments.explaining import build_explainer, compares
from cxr_xai.experiments.reopen import Run


def divide_boxed(run: Run, data: ChestXrayDataModule, scored: Scored) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows of scored studies with boxes, by half.

    ``monitored`` are those of whom the run watched boxes every epoch: half of the patients where its split keeps the
    published test list, under other schemes the patients of its own val. That holds for films of another source under
    the ids of the run's patients, too. All others are ``sealed``: the run has seen none of their boxes.
    """
    boxed = scored.rows[data.index.studies["image_id"].isin(data.index.boxes["image_id"]).to_numpy()[scored.rows]]
    owners = data.index.studies["patient_id"].iloc[boxed]
    half = np.full(len(boxed), "sealed", dtype="<U9")
    known = scored.same_source or scored.kin == "linked"
    if known and run.summary["protocol"]["split"] in LISTED:
        half = owners.map(box_half).to_numpy(str)
    elif known:
        half[(owners.map(read_met(run)) == "val").to_numpy()] = "monitored"
    return {name: boxed[half == name] for name in HALVES}


def score_boxes(
    run: Run,
    data: ChestXrayDataModule,
    rows: dict[str, npt.NDArray[np.int64]],
    epoch: int,
    root: str | None,
    cache: str,
) -> pd.DataFrame:
    """Explain the boxed studies and score their maps; every half is noted in the run's ledger before it is read.

    Args:
        run: opened.
        data: that is scored.
        rows: by half.
        epoch: of the weights.
        root: the folder of the run's own data, for an explainer that compares with them.
        cache: where their films are decoded to.

    Returns:
        The columns of ``localization.parquet``, no rows without boxes.

    Raises:
        UserError: the explainer needs the run's data, and they are out of reach.
    """
    described: dict[str, Any] = run.settings["explainer"]
    own = None if compares(build_explainer(described, None)) is None else run.reach(root, cache)
    explainer, tables = build_explainer(described, own), []
    for half, chosen in rows.items():
        if not len(chosen):
            continue
        probe = BoxProbe(data, explainer, half, rows=chosen)
        note_read(run.folder.ledger, READ[half], f"evaluation on {data.index.name}", len(probe.pairs.table))
        tables.append(probe.explain(run.model, run.device, epoch).scores[list(LOCALIZATION_COLUMNS)])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(LOCALIZATION_COLUMNS))
