"""What aggregating a cross-validation costs."""

import time

import numpy as np

from cxr_xai.experiments.aggregate.average import average, summarize_arm
from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.experiments.benchmarks.timing import Figure
from cxr_xai.metrics.classification import auroc

FOLDS, ARMS, STUDIES, PATIENTS, REPLICATES, SAMPLED = 5, 3, 22_424, 6_161, 2_000, 2


def measure_aggregate(repeats: int) -> list[Figure]:
    """Compare mean AUROCs with intervals of a cross-validation of the release's size with a loop over scikit-learn.

    The loop draws patients and calls scikit-learn per fold, arm and replicate; it is timed on a few replicates of one
    fold and arm and scaled, since all of them would take an hour. The whole is measured once: it takes a minute.
    """
    pool = make_pool()
    start = time.perf_counter()
    for arm in pool.scores:
        summarize_arm({"auroc": average(pool, arm, "auroc", REPLICATES)}, pool)
    seconds = time.perf_counter() - start
    rows = np.flatnonzero(pool.fold == 0)
    by_patient = np.split(rows, np.flatnonzero(np.diff(pool.patients[rows].astype(int))) + 1)
    random, times = np.random.default_rng(0), []
    for _ in range(min(repeats, 3)):
        start = time.perf_counter()
        for _ in range(SAMPLED):
            drawn = np.concatenate([by_patient[p] for p in random.integers(len(by_patient), size=len(by_patient))])
            auroc(pool.target[drawn], pool.scores["a"]["prob"][0][drawn])
        times.append((time.perf_counter() - start) / SAMPLED)
    scaled = float(np.median(times)) * REPLICATES * FOLDS * ARMS
    what = (
        f"AUROC of {FOLDS} folds × {ARMS} arms × {STUDIES:,} studies × 14 with {REPLICATES:,} replicates, vs a "
        f"scikit-learn loop (scaled from {SAMPLED * len(times)})"
    )
    return [Figure(what, seconds, scaled, scaled / seconds, "times faster", "≥ 25")]


def make_pool() -> Pool:
    """Make folds of the release's size: patients of several images, findings of its frequency, three arms."""
    random = np.random.default_rng(0)
    studies, fold = FOLDS * STUDIES, np.repeat(np.arange(FOLDS), STUDIES)
    patients = np.concatenate([np.sort(random.integers(0, PATIENTS, STUDIES)) + PATIENTS * f for f in range(FOLDS)])
    target = (random.random((studies, 14)) < 0.05).astype(np.float64)
    scores = {}
    for arm in "abc"[:ARMS]:
        logits = (random.normal(size=target.shape) + target).astype(np.float32)
        scores[arm] = {"prob": [1 / (1 + np.exp(-logits.astype(np.float64)))]}
    images = np.arange(studies).astype(str)
    return Pool(images, patients.astype(str), fold, target, scores, (0,), np.zeros(14, bool))
