"""Do false positives look at places where the finding cannot be?"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cxr_xai.experiments.estimates import count_patients, estimates
from cxr_xai.experiments.statements.statement import UNTESTED, Statement, words
from cxr_xai.stats.bootstrap import bootstrap_means
from cxr_xai.stats.correlations import resample, stratified_difference
from cxr_xai.stats.paired import bootstrap_p
from cxr_xai.stats.weightings import Floats

Names = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]
CLAIM = "False positives look at irrelevant regions."
MEASURE = (
    "Share of a map's positive evidence in the regions where the finding can be seen, true positives minus false "
    "positives, within finding × view. A false positive is a disagreement with the label; a finding without a box may "
    "be there."
)


def judge_location(
    share: Floats,
    area: Floats,
    present: Mask,
    strata: npt.NDArray[np.int64],
    patients: Names,
    replicates: int,
    truth: Mapping[str, tuple[Floats, Mask]] | None = None,
    left_out: Mapping[str, int] | None = None,
) -> Statement:
    """Test whether true positives have more evidence in plausible regions than false positives.

    Args:
        share: ``(M,)`` of predicted (study, finding) pairs: evidence in the finding's regions; NaN for dead maps.
        area: ``(M,)`` those regions' share of the film: what a map without preference has.
        present: ``(M,)`` the label: true positive or false positive.
        strata: ``(M,)`` finding × view.
        patients: ``(M,)``.
        replicates: of the bootstrap.
        truth: further shares, where the true evidence is known: name → values and the pairs they are averaged over.
        left_out: counts to hand on.
    """
    codes = np.unique(patients, return_inverse=True)[1] if len(patients) else np.zeros(0, np.int64)
    dead = int(np.isnan(share).sum())
    counts = {"true positives": int(present.sum()), "false positives": int((~present).sum()), "dead maps": dead}
    counts |= left_out or {}
    if len(share) == 0 or present.all() or not present.any():
        found = "Not tested: no pairs to compare."
        return Statement("location", CLAIM, MEASURE, UNTESTED, np.nan, counts=counts, found=found)
    statistic = stratified_difference(np.column_stack([share, area]), present, ~present, strata, codes)
    value, drawn = resample(statistic, patients, replicates)
    if not np.isfinite(value[2, 0]):
        found = "Not tested: no finding and view has both true and false positives."
        return Statement("location", CLAIM, MEASURE, UNTESTED, np.nan, counts=counts, found=found)
    behind = min(count_patients(patients, rows) for rows in (present, ~present))
    told = estimates(value, drawn, behind)
    rows = {
        "evidence in the finding's regions, true positives": told[0][0],
        "evidence in the finding's regions, false positives": told[1][0],
        "area of these regions": told[0][1],
        "difference of the areas": told[2][1],
    }
    for name, (values, which) in (truth or {}).items():
        if which.any() and np.isfinite(values[which]).any():
            rows[name] = _mean(values, which, patients, replicates)
    ways = _say(told[0][0], told[1][0], told[0][1], told[2][0])
    return Statement("location", CLAIM, MEASURE, told[2][0], float(bootstrap_p(drawn[:, 2, 0])), rows, counts, ways)


def _mean(values: Floats, which: Mask, patients: Names, replicates: int) -> dict[str, float]:
    means = bootstrap_means(values[which], np.zeros(int(which.sum()), np.int64), patients[which], replicates)
    told: dict[str, float] = estimates(means.value, means.replicates, count_patients(patients[which]))[0]
    return told


def _say(
    right: dict[str, float], wrong: dict[str, float], area: dict[str, float], effect: dict[str, float]
) -> dict[int, str]:
    ways = {
        1: "True positives have more of their evidence in plausible regions than false positives",
        -1: "False positives have more of their evidence in plausible regions than true positives",
        0: "No difference was seen between true and false positives in how much evidence lies in plausible regions",
    }
    beside = "more" if wrong["low"] > area["value"] else "less" if wrong["high"] < area["value"] else "no more or less"
    return {
        sign: f"{way}: {words(right)} against {words(wrong)}, difference {words(effect)}; false positives have "
        f"{beside} there than the {words(area).split(' ')[0]} that an even map has."
        for sign, way in ways.items()
    }
