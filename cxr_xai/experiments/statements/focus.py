"""Are maps of confident predictions more focused? Given finding and view, and beyond what the arithmetic makes."""

import numpy as np
import numpy.typing as npt

from cxr_xai.experiments.estimates import count_patients, estimates
from cxr_xai.experiments.statements.statement import UNTESTED, Statement, side, words
from cxr_xai.metrics.focus import gini
from cxr_xai.stats.correlations import partial_spearman, resample
from cxr_xai.stats.paired import bootstrap_p
from cxr_xai.stats.weightings import Floats, Statistic

Names = npt.NDArray[np.str_]
CLAIM = "Confident predictions have more focused maps."
MEASURE = (
    "Focus is the Gini coefficient of a map's positive evidence. Its rank correlation ρ with the logit is taken within "
    "finding × view; the effect is ρ minus that of the same network untrained, because a map that must add up to its "
    "logit is bound to it by arithmetic alone."
)


def judge_focus(
    trained: tuple[npt.NDArray[np.floating], Floats],
    untrained: tuple[npt.NDArray[np.floating], Floats],
    strata: npt.NDArray[np.int64],
    patients: Names,
    replicates: int,
) -> Statement:
    """Test whether focus rises with the logit, more than in an untrained network.

    Args:
        trained: ``(N, K, h, w)`` raw maps and ``(N, K)`` logits.
        untrained: likewise, of an untrained network on the same films.
        strata: ``(N, K)`` finding × view.
        patients: ``(N,)``.
        replicates: of the bootstrap.
    """
    rows, drawn, dead, pairs = {}, {}, {}, 0
    studies, columns = trained[1].shape
    codes = np.repeat(np.unique(patients, return_inverse=True)[1], columns)
    for name, (maps, logits) in (("trained", trained), ("untrained", untrained)):
        focus = gini(maps).ravel()
        pairs, dead[name] = focus.size, int(np.isnan(focus).sum())
        statistic = partial_spearman(focus, logits.ravel(), strata.ravel(), codes)
        rows[name], drawn[name] = _once(statistic, patients, replicates)
    behind = count_patients(patients)
    effect = estimates(rows["trained"] - rows["untrained"], drawn["trained"] - drawn["untrained"], behind)
    if not np.isfinite(effect["value"]):
        return Statement("focus", CLAIM, MEASURE, UNTESTED, np.nan, found="Not tested: there are too few live maps.")
    told = {name: estimates(rows[name], drawn[name], behind) for name in rows}
    p = float(bootstrap_p(drawn["trained"] - drawn["untrained"]))
    counts = {"films": studies, "maps": pairs} | {f"dead, {name}": n for name, n in dead.items()}
    ways = _say(told["trained"], told["untrained"], effect)
    return Statement("focus", CLAIM, MEASURE, effect, p, told, counts, ways)


def _once(statistic: Statistic, patients: Names, replicates: int) -> tuple[Floats, Floats]:
    value, drawn = resample(statistic, patients, replicates)
    return value[0], drawn[:, 0]


def _say(trained: dict[str, float], untrained: dict[str, float], effect: dict[str, float]) -> dict[int, str]:
    way = {1: "more focused", -1: "less focused", 0: "neither more nor less focused"}[side(trained)]
    beyond = {
        1: "training moved it towards more focus",
        -1: "training moved it towards less focus",
        0: "so the network's training adds nothing that can be told from 0",
    }
    return {
        sign: f"Within finding and view, maps of higher logits are {way}: ρ = {words(trained)}; an untrained network "
        f"has {words(untrained)}, {adds}: difference {words(effect)}."
        for sign, adds in beyond.items()
    }
