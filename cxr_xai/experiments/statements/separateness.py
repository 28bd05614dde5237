"""Do several findings of one film get maps of their own?"""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from cxr_xai.experiments.estimates import count_patients, estimates
from cxr_xai.experiments.statements.statement import UNTESTED, Statement, words
from cxr_xai.stats.bootstrap import bootstrap_means
from cxr_xai.stats.correlations import rank_rows
from cxr_xai.stats.paired import bootstrap_p
from cxr_xai.stats.weightings import Floats

Names = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]
CLAIM = "Several findings of one film get separate maps."
MEASURE = (
    "Spearman's ρ between the raw maps of two predicted findings of one film, minus that of the same two findings in "
    "films of other patients: 0 where sharing a film makes maps no more alike, above 0 where the film decides and "
    "not the finding. Intervals resample patients with the pairs of their films; the films that they are compared "
    "with are held fixed."
)
PARTNERS = 20
"""Films of other patients that each map is compared with, at most."""


def compare_maps(maps: npt.NDArray[np.floating], pred: Mask, patients: Names, seed: int = 0) -> tuple[Floats, Names]:
    """Return similarities of every pair of predicted findings of a film, and its patient.

    Args:
        maps: ``(N, K, h, w)`` raw.
        pred: ``(N, K)`` the findings that are predicted.
        patients: ``(N,)``.
        seed: of the choice of partners.

    Returns:
        ``(M, 3)``: of the two findings in the film; of one of them here and the other in films of other patients, both
        ways; and of the same finding here and in films of other patients, mean of the two findings. NaN where there is
        nobody to compare with, or a map does not vary.
    """
    ranks = rank_rows(maps.reshape(*maps.shape[:2], -1))
    alive = pred & np.isfinite(ranks).all(axis=-1)
    rng = np.random.default_rng(seed)
    having = [np.flatnonzero(alive[:, k]) for k in range(pred.shape[1])]
    rows, who = [], []
    for n in range(len(maps)):
        for i, j in combinations(np.flatnonzero(alive[n]).tolist(), 2):
            mean = {
                (a, b): _mean_similarity(ranks, n, a, b, having[b], patients, rng)
                for a, b in ((i, j), (j, i), (i, i), (j, j))
            }
            across, same = (mean[i, j] + mean[j, i]) / 2, (mean[i, i] + mean[j, j]) / 2
            rows.append([float(ranks[n, i] @ ranks[n, j]), across, same])
            who.append(patients[n])
    return np.array(rows, np.float64).reshape(-1, 3), np.array(who, str)


def _mean_similarity(
    ranks: Floats,
    film: int,
    own: int,
    other: int,
    films: npt.NDArray[np.int64],
    patients: Names,
    rng: np.random.Generator,
) -> float:
    """Mean similarity of one map with those of a finding in films of other patients."""
    films = films[patients[films] != patients[film]]
    if not len(films):
        return float("nan")
    chosen = films if len(films) <= PARTNERS else rng.choice(films, PARTNERS, replace=False)
    return float((ranks[chosen, other] @ ranks[film, own]).mean())


def judge_separateness(maps: npt.NDArray[np.floating], pred: Mask, patients: Names, replicates: int) -> Statement:
    """Test whether two findings' maps are more alike in one film than in two.

    Args:
        maps: ``(N, K, h, w)`` raw.
        pred: ``(N, K)``.
        patients: ``(N,)``; they are resampled with the pairs of their films, their partners stay.
        replicates: of the bootstrap.
    """
    values, who = compare_maps(maps, pred, patients)
    kept = np.isfinite(values).all(axis=1)
    films = int((pred.sum(axis=1) > 1).sum())
    counts = {"films with several findings": films, "pairs": int(kept.sum()), "pairs left out": int((~kept).sum())}
    if kept.sum() < 2:
        found = "Not tested: the run predicts too few findings together."
        return Statement("separateness", CLAIM, MEASURE, UNTESTED, np.nan, counts=counts, found=found)
    values, who = values[kept], who[kept]
    table = np.column_stack([values, values[:, 0] - values[:, 1]])
    means = bootstrap_means(table, np.zeros(len(table), np.int64), who, replicates)
    told = estimates(means.value[0], means.replicates[:, 0], count_patients(who))
    names = ("two findings, one film", "two findings, two films", "one finding, two films")
    p = float(bootstrap_p(means.replicates[:, 0, 3]))
    rows = dict(zip(names, told, strict=False))
    return Statement("separateness", CLAIM, MEASURE, told[3], p, rows, counts, _say(*told))


def _say(
    within: dict[str, float], across: dict[str, float], same: dict[str, float], effect: dict[str, float]
) -> dict[int, str]:
    ways = {
        1: "Maps of two findings of one film are more alike than those of the same findings in different films",
        -1: "Maps of two findings of one film are less alike than those of the same findings in different films",
        0: "Sharing a film makes the maps of two findings neither more nor less alike",
    }
    level = "hardly separate" if within["value"] >= 0.7 else "partly separate" if within["value"] >= 0.3 else "separate"
    return {
        sign: f"{way}: ρ = {words(within)} against {words(across)}, difference {words(effect)}; by their size they are "
        f"{level}. The same finding in two films has {words(same)}."
        for sign, way in ways.items()
    }
