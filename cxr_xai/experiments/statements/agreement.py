"""How often do maps agree with the boxes, and how often does a map that never saw the film?"""

import numpy as np
import pandas as pd

from cxr_xai.experiments.estimates import count_patients, estimates
from cxr_xai.experiments.statements.statement import UNTESTED, Statement, words
from cxr_xai.metrics.found import AGREED, agreement
from cxr_xai.stats.bootstrap import bootstrap_means
from cxr_xai.stats.paired import bootstrap_p

CLAIM = "Maps agree with radiologists."
MEASURE = (
    f"A map agrees with a box if it points into it and their IoU is {AGREED:g} or more; of tied maxima those inside "
    "count, and a dead map does not agree. Share of the sealed boxes, minus that of the finding's usual place (the "
    "prior), which never sees the film."
)


def judge_agreement(table: pd.DataFrame, replicates: int) -> Statement:
    """Test whether maps agree with sealed boxes more often than the prior.

    Args:
        table: rows of ``localization.parquet``: the sealed half, one explainer.
        replicates: of the bootstrap.
    """
    if table.empty:
        found = "Not tested: the run scored no sealed boxes."
        return Statement("agreement", CLAIM, MEASURE, UNTESTED, np.nan, counts={"boxed pairs": 0}, found=found)
    column = {key: table[key].to_numpy(np.float64) for key in ("iou", "pointing", "prior_iou", "prior_pointing")}
    ours, prior = agreement(column["iou"], column["pointing"]), agreement(column["prior_iou"], column["prior_pointing"])
    known = np.isfinite(column["prior_iou"])
    patients = table["patient_id"].to_numpy(str)
    counts = {"boxed pairs": len(table), "dead maps": int(table["dead"].sum()), "without prior": int((~known).sum())}
    reached = np.nan_to_num(column["iou"]) >= AGREED - 1e-7
    parts = np.column_stack([ours, reached, np.nan_to_num(column["pointing"])])
    everything = bootstrap_means(parts, np.zeros(len(parts), np.int64), patients, replicates)
    behind = count_patients(patients)
    told = estimates(everything.value[0], everything.replicates[:, 0], behind)
    rows = dict(zip(("agreement, all boxes", "IoU of .1 or more", "pointing hit"), told, strict=True))
    if not known.any():
        found = f"Maps agree with {words(told[0])} of the sealed boxes; no finding has a prior to stand beside."
        return Statement("agreement", CLAIM, MEASURE, UNTESTED, np.nan, rows, counts, found=found)
    both = np.column_stack([ours, prior, ours - prior])[known]
    paired = bootstrap_means(both, np.zeros(len(both), np.int64), patients[known], replicates)
    beside = estimates(paired.value[0], paired.replicates[:, 0], count_patients(patients[known]))
    rows |= {"agreement, boxes with a prior": beside[0], "the prior's agreement": beside[1]}
    often = {1: "more often than", -1: "less often than", 0: "no more and no less often, as far as can be seen, than"}
    ways = {
        way: f"Maps agree with {words(beside[0])} of the sealed boxes, {than} the finding's usual place, "
        f"which never sees the film: {words(beside[1])}, difference {words(beside[2])}."
        for way, than in often.items()
    }
    p = float(bootstrap_p(paired.replicates[:, 0, 2]))
    return Statement("agreement", CLAIM, MEASURE, beside[2], p, rows, counts, ways)
