"""What models said of their test studies and boxes: of a run, of an evaluation, or of the folds and seeds of an arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.ledger import What, note_read
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.boxes import read_tables
from cxr_xai.experiments.aggregate.cells import Cell, find_cells, read_cell
from cxr_xai.experiments.aggregate.pool import read_complete, read_pool, read_predicted
from cxr_xai.experiments.aggregate.refuse import (
    Design,
    cells_of,
    require_one_origin,
    require_planned_epochs,
    require_same_boxes,
    require_sound_folds,
    require_whole_design,
)
from cxr_xai.experiments.summary import SCORES

Floats = npt.NDArray[np.float64]
PURPOSE = "subgroups"


@dataclass(frozen=True)
class Judged:
    """Test studies and boxes, and what was said of them.

    Attributes:
        cell: one of the runs, for its data and protocol.
        runs: names of all of them.
        images: ``(N,)``.
        patients: ``(N,)``.
        fold: ``(N,)`` whose models spoke; 0 where there are no folds.
        target: ``(N, K)`` 1, 0 or NaN.
        scores: ``prob``, ``calibrated``, ``pred`` → one ``(N, K)`` per seed.
        boxes: a row per sealed boxed pair: ``image_id, patient_id, finding, boxes`` and the columns ``SCORES``, means
            over models, the run's own 0 where dead.
        explainer: whose maps they are; empty without boxes.
    """

    cell: Cell
    runs: Sequence[str]
    images: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    fold: npt.NDArray[np.int64]
    target: Floats
    scores: Mapping[str, Sequence[Floats]]
    boxes: pd.DataFrame
    explainer: str


def read_judged(path: Path, arm: str | None) -> Judged:
    """Read a run folder, an evaluated folder, or the folder of a sweep; the reading is noted in the runs' ledgers.

    Args:
        path: of the folder.
        arm: of a sweep that holds several.

    Raises:
        UserError: it is none of these, or is incomplete, or its runs may not be averaged.
    """
    if not path.is_dir():
        raise UserError(
            f"folder={path}: no such folder; it is a run, an evaluation, or outputs/<name> with runs in it."
        )
    folder = RunFolder(path)
    if folder.config.is_file() or folder.certificate.is_file():
        return _read_one(folder)
    return _read_arm(path, arm)


def _read_one(folder: RunFolder) -> Judged:
    folder.read_summary()
    cell = read_cell(folder)
    part = str(cell.certificate.get("part", "test"))
    note_reads([cell])
    predicted = read_predicted(cell, part) if "part" in cell.certificate else read_complete(cell, part)
    boxes, explainer = _average_boxes({"": {cell.seed: [cell]}})
    scores = {kind: [values] for kind, values in predicted.scores.items()}
    where = np.zeros(len(predicted.images), np.int64)
    return Judged(
        cell, [cell.name], predicted.images, predicted.patients, where, predicted.target, scores, boxes, explainer
    )


def _read_arm(path: Path, arm: str | None) -> Judged:
    found = find_cells(path)
    cells = name_arms(found.cells)
    arms = sorted({cell.arm for cell in cells})
    if arm is None and len(arms) > 1:
        raise UserError(f"{path} holds the arms {', '.join(arms)}; subgroups are of one model: arm={arms[0]}.")
    if arm is not None and arm not in arms:
        raise UserError(f"arm={arm}: {path} has {', '.join(arms)}.")
    cells = [cell for cell in cells if cell.arm == (arm or arms[0])]
    require_one_origin(cells)
    require_planned_epochs(cells, found.plan)
    design = require_whole_design(cells)
    tables = require_sound_folds(design)
    require_same_boxes(design)
    note_reads(cells)
    pool = read_pool(design, tables)
    boxes, explainer = _average_boxes(design)
    scores = next(iter(pool.scores.values()))
    names = [cell.name for cell in cells_of(design)]
    return Judged(cells[0], names, pool.images, pool.patients, pool.fold, pool.target, scores, boxes, explainer)


def note_reads(cells: Sequence[Cell]) -> None:
    """Note in the ledger of every run that its test labels and sealed boxes are read once more."""
    for cell in cells:
        what: What = "val labels" if cell.certificate.get("part") == "val" else "test labels"
        ledger = run_of(cell.folder).ledger
        note_read(ledger, what, PURPOSE, int(cell.split["images"]["test"]))
        if cell.folder.localization.is_file():
            note_read(ledger, "sealed boxes", PURPOSE, int(cell.certificate["boxes"]["sealed_studies"]))


def run_of(folder: RunFolder) -> RunFolder:
    """Return the run that an evaluation below it is of, or the folder itself."""
    above = RunFolder(folder.path.resolve().parent.parent)
    return above if folder.path.resolve().parent.name == "evaluated" and above.config.is_file() else folder


def _average_boxes(design: Design) -> tuple[pd.DataFrame, str]:
    """Return every sealed boxed pair once, scores averaged over the models that saw it, of the first explainer."""
    (table,) = read_tables(design).values()
    if table.empty:
        return table[["image_id", "patient_id", "finding", "boxes", *SCORES]], ""
    explainer = str(table["explainer"].iloc[0])
    table = table[table["explainer"] == explainer].copy()
    table.loc[table["dead"].to_numpy(bool), list(SCORES[:3])] = 0.0
    pairs = table.groupby(["image_id", "finding"], observed=True)
    means = pairs[list(SCORES)].mean().assign(patient_id=pairs["patient_id"].first(), boxes=pairs["boxes"].first())
    return means.reset_index(), explainer
