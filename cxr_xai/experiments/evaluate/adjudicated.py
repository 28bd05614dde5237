"""What radiologists said of the scored films: how mined labels agree with them, and how the network ranks by either."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.adjudicated import LABELS, RELATIONS, UNIONS, WHOSE
from cxr_xai.data.index import Index
from cxr_xai.experiments.box_summary import as_entry
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.union import any_of, at_least, independent
from cxr_xai.stats.bootstrap import bootstrap_auroc, draw_patient_counts
from cxr_xai.stats.clusters import effective_patients, metric_patients
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.weightings import Floats, ratio, weighted_sums

CELLS = ("both", "mined_only", "adjudicated_only", "neither")
RULES = {"largest": at_least, "independent": independent}
"""From probabilities of findings to that of their union; the first is the one that AUROC is told of."""


def summarize_adjudicated(index: Index, predictions: pd.DataFrame, replicates: int) -> dict[str, Any] | None:
    """Return agreement and AUROC by adjudicated label, over the scored films that were judged; None without any.

    Args:
        index: of the scored source.
        predictions: the columns of ``predictions.parquet``, of one part; calibrated probabilities make the unions.
        replicates: of the bootstrap over patients.

    Returns:
        ``whose``, ``films``, ``patients`` and per label of ``labels``: its ``relations`` to findings, the ``union`` of
        findings that stands for it, and, where there is one, ``agreement`` (four ``CELLS``, sensitivity, precision and
        specificity of the mined label, Cohen's kappa) and ``auroc`` (against ``adjudicated`` and ``mined`` labels of
        the same films, their ``difference``, and by the ``independent`` rule).
    """
    probs = predictions.pivot(index="image_id", columns="finding", values="calibrated")[list(FINDINGS)]
    judged = index.adjudicated.set_index("image_id")
    judged = judged.loc[judged.index.isin(probs.index)]
    if judged.empty:
        return None
    owner = predictions.drop_duplicates("image_id").set_index("image_id")["patient_id"].loc[judged.index]
    patients, said = owner.to_numpy(str), probs.loc[judged.index]
    labels: dict[str, Any] = {}
    for name in LABELS:
        union = UNIONS.get(name, ())
        labels[name] = {"relations": RELATIONS[name], "union": list(union)}
        if union:
            theirs = judged[name].to_numpy(np.float64)
            mined = any_of(judged[[f"mined {one}" for one in union]])
            labels[name]["agreement"] = compare_labels(mined, theirs, patients, replicates)
            labels[name]["auroc"] = rank(said[list(union)].to_numpy(np.float64), mined, theirs, patients, replicates)
    return {"whose": WHOSE, "films": len(judged), "patients": len(np.unique(patients)), "labels": labels}


def compare_labels(
    mined: Floats, theirs: Floats, patients: npt.NDArray[np.str_] | Sequence[str], replicates: int
) -> dict[str, Any]:
    """Return how mined labels agree with adjudicated ones, with intervals from resampled patients.

    Args:
        mined: ``(N,)`` 1, 0 or NaN.
        theirs: ``(N,)`` likewise; films of which either is unknown are left out.
        patients: ``(N,)``.
        replicates: of the bootstrap.

    >>> found = compare_labels(np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 0, np.nan]), ["a", "b", "c", "d"], 10)
    >>> found["both"], found["mined_only"], found["neither"], found["precision"]["value"]
    (1, 1, 1, 0.5)
    """
    known = ~np.isnan(mined) & ~np.isnan(theirs)
    m, t = mined[known] == 1, theirs[known] == 1
    table = np.stack([m & t, m & ~t, ~m & t, ~m & ~t], axis=1).astype(np.float64)
    counts, codes = draw_patient_counts(np.asarray(patients)[known], replicates, 0)
    value = _shares(table.sum(axis=0)[None])
    drawn = _shares(weighted_sums(table, counts, codes))
    behind = {"sensitivity": t, "precision": m, "specificity": ~t, "kappa": np.ones(len(t), bool)}
    entries = {}
    for key, rows in behind.items():
        units = np.nan if key == "kappa" else len(np.unique(codes[rows]))
        who = effective_patients(rows, codes)
        low, high, _ = interval(value[key][0], drawn[key], kind="percentile", units=units, patients=who)
        entries[key] = as_entry(value[key][0], low, high)
    cells = dict(zip(CELLS, (int(n) for n in table.sum(axis=0)), strict=True))
    return {"films": int(known.sum()), **cells, **entries}


def _shares(cells: Floats) -> dict[str, Floats]:
    """Return ``(B,)`` of each measure from ``(B, 4)`` cells."""
    both, mined, theirs, _ = cells.T
    total = cells.sum(axis=1)
    alike = ratio(both + cells[:, 3], total)
    chance = ratio((both + mined) * (both + theirs) + (total - both - mined) * (total - both - theirs), total**2)
    return {
        "sensitivity": ratio(both, both + theirs),
        "precision": ratio(both, both + mined),
        "specificity": ratio(cells[:, 3], mined + cells[:, 3]),
        "kappa": ratio(alike - chance, 1 - chance),
    }


def rank(
    probs: Floats, mined: Floats, theirs: Floats, patients: npt.NDArray[np.str_], replicates: int
) -> dict[str, Any]:
    """Return AUROC of the union of findings against either label, on the films of which both are known.

    Args:
        probs: ``(N, F)`` calibrated, of the findings of the union.
        mined: ``(N,)``.
        theirs: ``(N,)``.
        patients: ``(N,)``.
        replicates: of the bootstrap; one draw for all.
    """
    known = ~np.isnan(mined) & ~np.isnan(theirs)
    scores = [rule(probs[known]) for rule in RULES.values()]
    target = np.stack([theirs[known], mined[known], theirs[known]], axis=1)
    columns = np.stack([scores[0], scores[0], scores[1]], axis=1)
    drawn = bootstrap_auroc(target, columns, patients[known], replicates, kind="bca")
    low, high = drawn.interval.low, drawn.interval.high
    names = ("adjudicated", "mined", "independent")
    entries = {name: as_entry(drawn.value[k], low[k], high[k]) for k, name in enumerate(names)}
    apart, again = drawn.value[0] - drawn.value[1], drawn.replicates[:, 0] - drawn.replicates[:, 1]
    behind = metric_patients("auroc", target, np.unique(patients[known], return_inverse=True)[1])[:2].min()
    ends = interval(apart, again, kind="percentile", patients=behind)
    return {**entries, "difference": as_entry(apart, ends.low, ends.high)}
