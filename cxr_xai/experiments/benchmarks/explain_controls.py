"""What it costs to score what never saw a film."""

import numpy as np
import pandas as pd

from cxr_xai.experiments.benchmarks.timing import Figure, state_turns, time_in_turns
from cxr_xai.experiments.controls.run import score_table
from cxr_xai.findings import BOXED

BOXES, PATIENTS = 984, 726
"""As many as the published list has."""

SECONDS = 5.0
"""What the table may take."""

REPLICATES = 2000


def measure_controls(repeats: int) -> list[Figure]:
    """Measure the table of `scripts/controls.py`: 984 boxes, 7 × 7 maps at 224 px, 2,000 replicates."""
    boxes = draw_boxes(BOXES, PATIENTS)
    turns = max(repeats // 2, 1)
    times = time_in_turns({"table": lambda: score_table(boxes, (7, 7), 224, REPLICATES)}, turns)
    what = f"controls, prior and ceilings of {BOXES} boxes with intervals, vs {SECONDS:.0f} s"
    figure = Figure(what, times["table"], SECONDS, times["table"] / SECONDS, "share of the limit", "≤ 1")
    return state_turns([figure], turns)


def draw_boxes(count: int, patients: int, seed: int = 0) -> pd.DataFrame:
    """Draw a list of boxes, one an image, over the eight boxed findings.

    Args:
        count: of boxes.
        patients: they belong to.
        seed: of the draws.

    Returns:
        ``image_id, patient_id, finding`` and corners in shares of the film.
    """
    random = np.random.default_rng(seed)
    width, height = random.uniform(0.05, 0.45, count), random.uniform(0.05, 0.45, count)
    left, top = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
    return pd.DataFrame(
        {
            "image_id": [f"{n}.png" for n in range(count)],
            "patient_id": (np.arange(count) % patients).astype(str),
            "finding": np.array(BOXED)[np.arange(count) % len(BOXED)],
            "x0": left,
            "y0": top,
            "x1": left + width,
            "y1": top + height,
        }
    )
