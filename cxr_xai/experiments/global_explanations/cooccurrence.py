"""Which findings come together: in labels, in predictions, in what logits say beyond labels, and in maps."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.experiments.estimates import count_patients, estimates
from cxr_xai.findings import FINDINGS
from cxr_xai.stats.bootstrap import bootstrap_means
from cxr_xai.stats.correlations import column_correlations, column_lifts, rank_rows, resample
from cxr_xai.stats.weightings import Floats, Statistic

PAIRS = tuple(combinations(range(len(FINDINGS)), 2))
Names = npt.NDArray[np.str_]


def pair_labels(target: Floats, patients: Names, replicates: int) -> dict[str, Floats]:
    """Return how findings come together in labels: ``phi`` and ``lift`` with ``low`` and ``high``, each ``(pairs,)``.

    ``lift`` is ``P(a and b) / (P(a) P(b))``: 1 where they are independent; NaN where one is absent. ``phi`` is the
    correlation of the two labels. Studies with an unknown label are left out.
    """
    kept = ~np.isnan(target).any(axis=1)
    known, who = target[kept], patients[kept]
    codes = np.unique(who, return_inverse=True)[1]
    phi = _bound(column_correlations(known, codes), who, replicates, "phi")
    return phi | _bound(column_lifts(known, codes), who, replicates, "lift")


def pair_predictions(
    pred: npt.NDArray[np.bool_], target: Floats, patients: Names, replicates: int
) -> dict[str, Floats]:
    """Return the same of predictions, on the same studies: ``predicted phi``, ``predicted lift`` and their ends."""
    known = np.where(np.isnan(target), np.nan, pred)
    return {f"predicted {key}": column for key, column in pair_labels(known, patients, replicates).items()}


def pair_logits(logits: Floats, target: Floats, patients: Names, replicates: int) -> dict[str, Floats]:
    """Return the correlation of logits beyond labels: of what is left of each after a linear fit to all 14 labels.

    It is 0 between findings where saying more of the one goes with nothing more of the other, given what is there;
    findings that always light up together have 1. Studies with an unknown label are left out. The fit is made once, to
    all studies, and held fixed over replicates.
    """
    kept = ~np.isnan(target).any(axis=1)
    design = np.column_stack([np.ones(kept.sum()), target[kept]])
    left = logits[kept] - design @ np.linalg.lstsq(design, logits[kept], rcond=None)[0]
    codes = np.unique(patients[kept], return_inverse=True)[1]
    return _bound(column_correlations(left, codes), patients[kept], replicates, "correlation")


def pair_maps(maps: npt.NDArray[np.floating], patients: Names, replicates: int) -> dict[str, Floats]:
    """Return Spearman's correlation between the raw maps of two findings in one film, averaged over films.

    Args:
        maps: ``(N, K, h, w)``; a film in which one of the two is constant or not finite is left out of that pair.
        patients: ``(N,)``.
        replicates: of the bootstrap.
    """
    ranks = rank_rows(maps.reshape(*maps.shape[:2], -1))
    products = np.einsum("nkc,nlc->nkl", ranks, ranks)
    values = np.column_stack([products[:, a, b] for a, b in PAIRS])
    rows, columns = np.nonzero(np.isfinite(values))
    means = bootstrap_means(values[rows, columns], columns, patients[rows], replicates, n_groups=len(PAIRS))
    behind = [count_patients(patients, alive) for alive in np.isfinite(values).T]
    ends: Any = estimates(means.value, means.replicates, behind)
    return {
        "similarity": means.value,
        "similarity low": np.array([entry["low"] for entry in ends]),
        "similarity high": np.array([entry["high"] for entry in ends]),
        "films": means.rows.astype(np.float64),
    }


def make_pairs(columns: dict[str, Floats]) -> pd.DataFrame:
    """Return one row per pair of findings."""
    names = {"first": [FINDINGS[a] for a, _ in PAIRS], "second": [FINDINGS[b] for _, b in PAIRS]}
    return pd.DataFrame({**names, **columns})


def relate(pairs: pd.DataFrame) -> dict[str, float]:
    """Return Spearman's correlation over pairs of findings between labels, predictions, logits beyond labels, maps."""
    table = pairs[["phi", "predicted phi", "correlation", "similarity"]].rank().corr().to_numpy(np.float64)
    return {
        "labels and predictions": float(table[0, 1]),
        "labels and logits": float(table[0, 2]),
        "labels and maps": float(table[0, 3]),
        "logits and maps": float(table[2, 3]),
    }


def _bound(statistic: Statistic, patients: Names, replicates: int, name: str) -> dict[str, Floats]:
    """Return the pairs of a ``(K, K)`` statistic under a name, with the ends of their intervals."""
    value, drawn = resample(statistic, patients, replicates)
    rows, columns = np.array(PAIRS).T
    ends: Any = estimates(value[rows, columns], drawn[:, rows, columns], count_patients(patients))
    sides = {f"{name} {end}": np.array([entry[end] for entry in ends]) for end in ("low", "high")}
    return {name: value[rows, columns], **sides}
