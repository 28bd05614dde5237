"""What may be claimed: p values of largest gaps corrected for all that was looked at."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from cxr_xai.experiments.subgroups.compare import MACRO
from cxr_xai.stats.corrections import benjamini_hochberg, holm
from cxr_xai.stats.permutation import permutations_needed

CLAIMED, LOOKED_THROUGH = "holm", "bh"


def flips_needed(attributes: int, family: Collection[str], alpha: float) -> int:
    """Return how many flips the smallest corrected p value of the family needs."""
    return permutations_needed(max(attributes * len(family), 1), alpha)


def correct(largest: pd.DataFrame, family: Collection[str]) -> pd.DataFrame:
    """Add ``p_adjusted`` and ``adjusted_by``.

    A sentence such as “the error rate differs by view” is a claim about a mean over findings. All of them, attributes ×
    the metrics of the family, are one family, whose error is that of saying any of them wrongly: Holm, which holds
    whatever the dependence (FNR and FPR move together). What single findings, and the metrics outside of the family,
    show is for looking through: Benjamini-Hochberg within a metric, over attributes × findings, bounds the share of
    false ones among what stands out.

    Args:
        largest: a row per attribute, metric and finding, with ``p``.
        family: metrics whose means may be claimed.
    """
    p = largest["p"].to_numpy(np.float64)
    claimed = ((largest["finding"] == MACRO) & largest["metric"].isin(list(family))).to_numpy()
    adjusted = np.full(len(p), np.nan)
    adjusted[claimed] = holm(p[claimed])
    for metric in largest["metric"].unique():
        rows = ((largest["metric"] == metric) & ~claimed).to_numpy()
        adjusted[rows] = benjamini_hochberg(p[rows])
    by = np.where(np.isnan(adjusted), "", np.where(claimed, CLAIMED, LOOKED_THROUGH))
    return largest.assign(p_adjusted=adjusted, adjusted_by=by)
