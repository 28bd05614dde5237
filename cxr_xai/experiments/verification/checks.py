"""What a check says, and how numbers are compared."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["holds", "does not hold", "not checked"]

TOLERANCE = 1e-6
"""Of recomputed numbers, absolute and relative: the same code on the same tables differs in rounding only."""
NAMED = 3
"""So many differences are spelled out, the rest are counted."""


@dataclass(frozen=True)
class Check:
    """One claim of a run folder.

    Attributes:
        name: what was checked.
        outcome: whether it holds.
        words: what was compared; or the number, stored and recomputed; or why it could not be checked.
    """

    name: str
    outcome: Outcome
    words: str


@dataclass(frozen=True)
class Difference:
    """A number that is not what it should be."""

    place: str
    stored: Any
    found: Any

    def __str__(self) -> str:
        """Say both values."""
        return f"{self.place}: stored {_say(self.stored)}, recomputed {_say(self.found)}"


def judge(name: str, differences: list[Difference], words: str) -> Check:
    """Return a check that holds without differences, else names the first few."""
    if not differences:
        return Check(name, "holds", words)
    more = f"; and {len(differences) - NAMED:,} more" if len(differences) > NAMED else ""
    return Check(name, "does not hold", "; ".join(str(entry) for entry in differences[:NAMED]) + more)


def compare(stored: Any, found: Any, tolerance: float = TOLERANCE, place: str = "") -> list[Difference]:
    """Compare nested plain types; null and NaN are the same, and numbers may differ by the tolerance.

    >>> [str(entry) for entry in compare({"a": {"b": 0.5, "c": None}}, {"a": {"b": 0.25, "c": float("nan")}})]
    ['a.b: stored 0.5, recomputed 0.25']
    """
    return list(_compare(stored, found, tolerance, place))


def _compare(stored: Any, found: Any, tolerance: float, place: str) -> Iterator[Difference]:
    if isinstance(stored, Mapping) and isinstance(found, Mapping):
        for key in dict.fromkeys([*map(str, stored), *map(str, found)]):
            yield from _compare(stored.get(key), found.get(key), tolerance, f"{place}.{key}" if place else key)
    elif isinstance(stored, list | tuple) and isinstance(found, list | tuple) and len(stored) == len(found):
        for number, (one, other) in enumerate(zip(stored, found, strict=True)):
            yield from _compare(one, other, tolerance, f"{place}[{number}]")
    elif not _equal(stored, found, tolerance):
        yield Difference(place, stored, found)


def _equal(stored: Any, found: Any, tolerance: float) -> bool:
    stored, found = (None if isinstance(value, float) and math.isnan(value) else value for value in (stored, found))
    if isinstance(stored, int | float) and isinstance(found, int | float) and not isinstance(stored, bool):
        return math.isclose(stored, found, rel_tol=tolerance, abs_tol=tolerance)
    return bool(stored == found)


def _say(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and len(value) == 64:  # a hash
        return value[:8]
    return "nothing" if value is None else str(value)
