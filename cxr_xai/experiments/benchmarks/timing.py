"""Ratios that survive a noisy machine: contenders take turns, medians are compared."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace


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


def state_turns(figures: Sequence[Figure], turns: int) -> list[Figure]:
    """Say in each line of how many turns its medians are.

    >>> state_turns([Figure("maps vs a pass", 1.0, 2.0, 0.5, "time ratio", "≤ 1")], 20)[0].what
    'maps vs a pass, 20 turns'
    """
    words = "1 turn" if turns == 1 else f"{turns} turns"
    return [replace(figure, what=f"{figure.what}, {words}") for figure in figures]


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
