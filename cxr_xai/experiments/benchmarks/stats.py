"""What intervals and comparisons cost, on a test set of the release's size."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.metrics import classification
from cxr_xai.stats.bootstrap import bootstrap_metric
from cxr_xai.stats.delong import delong
from cxr_xai.stats.jackknife import auroc_jackknife, leave_one_out
from cxr_xai.stats.paired import pair_folds
from cxr_xai.stats.permutation import permute_arms
from cxr_xai.stats.statistic import METRICS, metric_statistic

STUDIES, PATIENTS, REPLICATES, SAMPLED = 25_596, 2_797, 2_000, 3
SIZE = f"{STUDIES:,} × 14 × {REPLICATES:,}"
CUTS = np.full(14, 0.5)

Floats = npt.NDArray[np.float64]


class Sample(NamedTuple):
    """As many studies and patients as the official test list has, at about its prevalence."""

    target: Floats
    probs: Floats
    patients: npt.NDArray[np.int64]


def measure_stats(repeats: int) -> list[Figure]:
    """Compare replicates, jackknife, DeLong and permutation with loops over scikit-learn or over pairs.

    Loops are timed on a few replicates and scaled, since all of them would take minutes.
    """
    random = np.random.default_rng(0)
    probs = random.random((STUDIES, 14))
    target = (random.random((STUDIES, 14)) < 0.05 + 0.1 * probs).astype(np.float64)
    data = Sample(target, probs, random.integers(0, PATIENTS, STUDIES))
    repeats = min(repeats, 3)
    return [
        *(_bootstrap(metric, data, repeats) for metric in METRICS),
        _jackknife(data, repeats),
        _delong(data, repeats),
        _permutation(data, repeats),
    ]


def _figure(
    what: str, ours: Callable[[], object], baseline: Callable[[], object], repeats: int, scale: float, aim: str = "–"
) -> Figure:
    times = time_in_turns({"ours": ours, "baseline": baseline}, repeats)
    scaled = times["baseline"] * scale
    return Figure(what, times["ours"], scaled, scaled / times["ours"], "times faster", aim)


def _bootstrap(metric: str, data: Sample, repeats: int) -> Figure:
    point = getattr(classification, metric)
    options = (CUTS,) if metric == "f1" else ()
    random = np.random.default_rng(1)

    def loop() -> None:
        for _ in range(SAMPLED):
            drawn = random.integers(0, STUDIES, STUDIES)
            point(data.target[drawn], data.probs[drawn], *options)

    ours = lambda: bootstrap_metric(metric, *data, REPLICATES, thresholds=CUTS)  # noqa: E731
    names = "a scikit-learn loop" if metric in ("auroc", "auprc") else "a loop over the metric"
    what = f"{metric} bootstrap, {SIZE}, vs {names} (scaled from {SAMPLED})"
    return _figure(what, ours, loop, repeats, REPLICATES / SAMPLED, "≥ 25" if metric == "auroc" else "–")


def _jackknife(data: Sample, repeats: int) -> Figure:
    columns = list(zip(data.target.T, data.probs.T, strict=True))
    closed = lambda: [auroc_jackknife(*column, data.patients, PATIENTS) for column in columns]  # noqa: E731
    weighted = lambda: leave_one_out(metric_statistic("auroc", *data), PATIENTS)  # noqa: E731
    what = f"BCa's jackknife of AUROC, 14 × {PATIENTS:,} patients, closed form vs 0/1 weights"
    return _figure(what, closed, weighted, repeats, 1)


def _delong(data: Sample, repeats: int) -> Figure:
    y, scores = data.target[:, 0], np.column_stack([data.probs[:, 0], data.probs[:, 0] ** 2])

    def pairs() -> None:
        for score in scores.T:
            won = score[y == 1, None] > score[None, y == 0]
            np.cov(won.mean(axis=1)), np.cov(won.mean(axis=0))

    ours = lambda: delong(y, scores, data.patients)  # noqa: E731
    return _figure(f"clustered DeLong of two arms, {STUDIES:,} studies, vs all pairs", ours, pairs, repeats, 1)


def _permutation(data: Sample, repeats: int) -> Figure:
    second = np.random.default_rng(2).permutation(data.probs)
    folds = pair_folds(data.target, [data.probs], [second], data.patients)
    random = np.random.default_rng(3)

    def loop() -> None:
        swap = random.integers(0, 2, PATIENTS, dtype=np.int64)[data.patients, None] == 1
        classification.auroc(data.target, np.where(swap, second, data.probs))
        classification.auroc(data.target, np.where(swap, data.probs, second))

    ours = lambda: permute_arms(folds, "auroc", REPLICATES, seed=0)  # noqa: E731
    what = f"permutation of two arms, {SIZE}, vs a scikit-learn loop (scaled from 1)"
    return _figure(what, ours, loop, repeats, REPLICATES)
