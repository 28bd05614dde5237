"""Ratios that survive a noisy machine: contenders take turns, medians are compared."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        what: the thing measured, and its baseline after "vs".
        seconds: median of the thing.
        baseline: median of the baseline.
        ratio: what is bounded: a time ratio, a speed ratio or a share, as ``unit`` says.
        unit: what the ratio is.
        bound: what it should keep to, for the reader.
    """

    what: str
    seconds: float
    baseline: float
    ratio: float
    unit: str
    bound: str


def time_in_turns(contenders: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each contender; they run A B C A B C …, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, work in contenders.items():
            start = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}
