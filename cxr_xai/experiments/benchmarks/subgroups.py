"""What comparing subgroups costs, on a test set of the release's size."""

from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.experiments.subgroups.compare import add_p_values, compare_groups, make_attribute
from cxr_xai.experiments.subgroups.measures import draw_folds
from cxr_xai.experiments.subgroups.read import Judged
from cxr_xai.metrics import classification

STUDIES, PATIENTS, REPLICATES, SAMPLED = 25_596, 2_797, 1_000, 2
FLIPS = 12_000  # six metrics × five attributes, 20 a test, over .05
ASKED = ("auroc", "fnr", "fpr", "citl", "brier", "ece")


def make_judged() -> Judged:
    """As many studies and patients as the official test list has, at about its prevalence."""
    random = np.random.default_rng(0)
    probs = random.random((STUDIES, 14))
    target = (random.random((STUDIES, 14)) < 0.05 + 0.1 * probs).astype(np.float64)
    scores = {"prob": [probs], "calibrated": [0.05 + 0.1 * probs], "pred": [(probs > 0.8).astype(np.float64)]}
    images, patients = np.arange(STUDIES).astype(str), random.integers(0, PATIENTS, STUDIES).astype(str)
    nowhere: Any = None
    return Judged(nowhere, (), images, patients, np.zeros(STUDIES, np.int64), target, scores, pd.DataFrame(), "")


def measure_subgroups(repeats: int) -> list[Figure]:
    """Time one attribute of two groups, six metrics, gaps with intervals and tests, against a loop over replicates.

    The loop has AUROC and rates of both groups and no tests; it is timed on a few replicates and scaled.
    """
    judged = make_judged()
    labels = np.random.default_rng(1).choice(["PA", "AP"], STUDIES).astype(object)
    attribute = make_attribute(pd.Series(labels, index=judged.images, name="view"))

    def ours() -> None:
        folds = draw_folds(judged, "studies", REPLICATES)
        add_p_values(attribute, [compare_groups(attribute, judged, name, folds) for name in ASKED], FLIPS)

    times = time_in_turns({"ours": ours, "baseline": lambda: _loop(judged, labels)}, min(repeats, 3))
    scaled = times["baseline"] * REPLICATES / SAMPLED
    what = (
        f"two subgroups, {STUDIES:,} × 14 × {REPLICATES:,}, {len(ASKED)} metrics, {FLIPS:,} flips, vs a loop (scaled)"
    )
    return [Figure(what, times["ours"], scaled, scaled / times["ours"], "times faster", "–")]


def _loop(judged: Judged, labels: np.ndarray[Any, Any]) -> None:
    random, cuts = np.random.default_rng(1), np.full(14, 0.8)
    for _ in range(SAMPLED):
        drawn = random.integers(0, STUDIES, STUDIES)
        for group in ("PA", "AP"):
            rows = drawn[labels[drawn] == group]
            y, p = judged.target[rows], judged.scores["prob"][0][rows]
            classification.auroc(y, p)
            classification.recall(y, p, cuts)
            classification.specificity(y, p, cuts)
            classification.brier(y, p)
            classification.ece(y, p)
