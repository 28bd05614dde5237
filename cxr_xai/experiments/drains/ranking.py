"""AUROC of pneumothorax where positives have a drain, and where they have none."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_xai.experiments.box_summary import as_entry
from cxr_xai.stats.bootstrap import bootstrap_auroc
from cxr_xai.stats.clusters import metric_patients
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.subsets import keep_positives
from cxr_xai.stats.weightings import Floats

Names = npt.NDArray[np.str_]

STRATA = ("all", "with", "without")
PUBLISHED = {"with": 0.94, "without": 0.77, "all": 0.87}
"""Of a DenseNet-121 on the official test list, drains by a radiologist: Oakden-Rayner et al., CHIL 2020."""


def stratify(target: Floats, drain: Names) -> Floats:
    """Return ``(N, 4)`` targets: all; positives with a drain, and without one, against all negatives; the drain itself.

    The last asks of the negatives alone whether the score ranks those with a drain higher: .5 if it sees no drains.
    A positive of which nobody knows whether it has a drain is in ``all`` only.

    Args:
        target: ``(N,)`` 1 present, 0 absent, NaN unknown.
        drain: ``(N,)`` ``yes``, ``no`` or empty.

    >>> stratify(np.array([1.0, 1, 1, 0, 0]), np.array(["yes", "no", "", "yes", "no"])).T.tolist()
    [[1.0, 1.0, 1.0, 0.0, 0.0], [1.0, nan, nan, 0.0, 0.0], [nan, 1.0, nan, 0.0, 0.0], [nan, nan, nan, 1.0, 0.0]]
    """
    negative = target == 0
    having = [keep_positives(target, drain == word) for word in ("yes", "no")]
    seen = np.select([negative & (drain == "yes"), negative & (drain == "no")], [1.0, 0.0], np.nan)
    return np.stack([target, *having, seen], axis=1)


def rank_drains(target: Floats, logit: Floats, drain: Names, patients: Names, replicates: int) -> dict[str, Any]:
    """Return AUROC by stratum, their gap on the same draws of patients, and how many films stand behind them.

    Args:
        target: ``(N,)`` of pneumothorax.
        logit: ``(N,)``.
        drain: ``(N,)`` ``yes``, ``no`` or empty (unknown).
        patients: ``(N,)``.
        replicates: of the bootstrap.

    Returns:
        ``auroc`` (``all, with, without``), ``gap`` (with - without), ``drain_alone`` (AUROC of drain or none among the
        negatives; undefined where nobody looked at them) and ``films``.
    """
    strata = stratify(target, drain)
    drawn = bootstrap_auroc(strata, np.repeat(logit[:, None], 4, axis=1), patients, replicates, kind="bca")
    low, high = drawn.interval.low, drawn.interval.high
    entries = [as_entry(drawn.value[k], low[k], high[k]) for k in range(4)]
    behind = metric_patients("auroc", strata[:, 1:3], np.unique(patients, return_inverse=True)[1]).min()
    apart = drawn.value[1] - drawn.value[2]
    ends = interval(apart, drawn.replicates[:, 1] - drawn.replicates[:, 2], kind="percentile", patients=behind)
    words = {"with": "yes", "without": "no", "unknown": ""}
    films = {
        side: {name: int(((target == value) & (drain == word)).sum()) for name, word in words.items()}
        for side, value in (("positive", 1), ("negative", 0))
    }
    return {
        "auroc": dict(zip(STRATA, entries, strict=False)),
        "gap": as_entry(apart, ends.low, ends.high),
        "drain_alone": entries[3],
        "films": films,
    }
