"""What intervals cost."""

import numpy as np

from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.metrics.classification import auroc
from cxr_xai.stats.bootstrap import bootstrap_auroc

STUDIES, REPLICATES, SAMPLED = 25_596, 200, 5


def measure_stats(repeats: int) -> list[Figure]:
    """Compare the AUROC bootstrap of a test set of the release's size with a loop over scikit-learn.

    The loop is timed on a few replicates and scaled, since all of them would take minutes.
    """
    random = np.random.default_rng(0)
    probs = random.random((STUDIES, 14))
    target = (random.random((STUDIES, 14)) < 0.05 + 0.1 * probs).astype(np.float64)
    patients = random.integers(0, 2_797, STUDIES)

    def loop() -> None:
        for _ in range(SAMPLED):
            drawn = random.integers(0, STUDIES, STUDIES)
            auroc(target[drawn], probs[drawn])

    ours = lambda: bootstrap_auroc(target, probs, patients, REPLICATES)  # noqa: E731
    times = time_in_turns({"ours": ours, "loop": loop}, min(repeats, 3))
    scaled = times["loop"] * REPLICATES / SAMPLED
    what = f"AUROC bootstrap, {STUDIES:,} × 14 × {REPLICATES}, vs a scikit-learn loop (scaled from {SAMPLED})"
    return [Figure(what, times["ours"], scaled, scaled / times["ours"], "times faster", "≥ 25")]
