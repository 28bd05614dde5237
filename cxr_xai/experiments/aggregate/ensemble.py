"""The ensemble of the folds, on patients that no fold has seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.artifacts.ledger import note_read
from cxr_xai.data.splits.split import EXTERNAL
from cxr_xai.experiments.aggregate.average import available, average, summarize_arm
from cxr_xai.experiments.aggregate.pool import Pool, Predicted, find_unsupported, read_complete
from cxr_xai.experiments.aggregate.refuse import Design, cells_of, require_external_unseen

SPLIT = "official test, ensemble of {k} folds trained on train_val"


def read_ensemble(design: Design, tables: Mapping[int | None, pd.DataFrame]) -> Pool:
    """Return what the folds together say of the studies that were held out from all of them.

    Per seed, probabilities are the means of the folds' probabilities; a finding is present where at least half of the
    folds say so, each at its own threshold from its own val. No threshold is chosen for the ensemble.

    The reads stand in every run's ledger.

    Raises:
        UserError: nothing is held out, or a fold has seen one of its patients, or predictions are incomplete.
    """
    require_external_unseen(tables)
    cells = cells_of(design)
    for cell in cells:
        note_read(cell.folder.ledger, "test labels", "aggregate, the ensemble", int(cell.split["images"][EXTERNAL]))
    scores: dict[str, dict[str, list[Any]]] = {}
    read: list[Predicted] = []
    for arm, runs in design.items():
        by_seed = [[read_complete(cell, EXTERNAL) for cell in folds] for folds in runs.values()]
        read += [predicted for folds in by_seed for predicted in folds]
        scores[arm] = {kind: [join(folds, kind) for folds in by_seed] for kind in read[-1].scores}
    first = read[0]
    if not all(np.array_equal(first.images, other.images) for other in read):
        raise ValueError("runs of one data hash predicted different held-out studies")
    fold = np.zeros(len(first.images), np.int64)
    seeds = tuple(next(iter(design.values())))
    return Pool(first.images, first.patients, fold, first.target, scores, seeds, find_unsupported(cells))


def join(folds: list[Predicted], kind: str) -> Any:
    """Return the mean of the folds' probabilities, or for ``pred`` whether at least half of them say present."""
    mean = np.mean([predicted.scores[kind] for predicted in folds], axis=0)
    return (mean >= 0.5).astype(np.float64) if kind == "pred" else mean


def summarize_ensemble(pool: Pool, metrics: Sequence[str], replicates: int, folds: int) -> dict[str, Any]:
    """Return the ensembles' numbers, averaged over seeds, under the card that they need.

    Args:
        pool: the held-out studies.
        metrics: that get intervals.
        replicates: of the bootstrap.
        folds: of each ensemble.
    """
    arms = {}
    for arm in pool.scores:
        wanted = {metric: replicates if metric in metrics else 0 for metric in available(pool, arm)}
        arms[arm] = summarize_arm({metric: average(pool, arm, metric, b) for metric, b in wanted.items()}, pool)
    return {
        "split": SPLIT.format(k=folds),
        "studies": len(pool.images),
        "patients": len(set(pool.patients.tolist())),
        "arms": arms,
    }
