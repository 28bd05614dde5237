"""Values of val in the folder of a run at work."""

import math
from collections.abc import Mapping
from pathlib import Path


def read_values(metrics: Path, monitor: str) -> dict[int, float]:
    """Return the value of every epoch that has one, from whole lines of ``metrics.csv``: the last may be half written.

    A run that goes on after a cut logs its epoch again; the later line counts.
    """
    try:
        lines = metrics.read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return {}
    rows = (line.rstrip("\r\n").split(",") for line in lines if line.endswith("\n"))
    return {int(row[0]): float(row[2]) for row in rows if len(row) == 3 and row[1] == monitor}


def best_of(values: Mapping[int, float], largest: bool) -> tuple[int, float] | None:
    """Return the epoch of the best value, and the value; None where there is no number.

    >>> best_of({0: 0.5, 1: float("nan"), 2: 0.7}, largest=True), best_of({0: float("nan")}, largest=False)
    ((2, 0.7), None)
    """
    known = {epoch: value for epoch, value in values.items() if math.isfinite(value)}
    if not known:
        return None
    epoch = (max if largest else min)(known, key=known.__getitem__)
    return epoch, known[epoch]
