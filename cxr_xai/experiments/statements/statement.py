"""What every tested statement says, and how surely."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from cxr_xai.stats.corrections import holm

Estimate = Mapping[str, float]
ALPHA = 0.05
"""Of the statements of a run together."""


@dataclass(frozen=True)
class Statement:
    """One statement, tested.

    Attributes:
        key: ``focus``, ``location``, ``separateness`` or ``agreement``.
        claim: what is said.
        measure: what was measured, and what the effect is.
        effect: value, low, high of the one number that decides; NaN where it could not be tested.
        p: two-sided, of no effect, from the bootstrap over patients.
        rows: further numbers: what → value, low, high.
        counts: what was looked at and left out.
        ways: the sentence for an effect above 0 (1), below 0 (-1), and one that cannot be told from 0 (0).
        found: the sentence that holds after the correction, from `correct`; given at once where nothing was tested.
        p_holm: corrected over the statements of the run.
    """

    key: str
    claim: str
    measure: str
    effect: Estimate
    p: float
    rows: Mapping[str, Estimate] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    ways: Mapping[int, str] = field(default_factory=dict)
    found: str = ""
    p_holm: float = float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Return plain types, of the sentences the one that holds."""
        return {key: value for key, value in asdict(self).items() if key != "ways"}


def correct(statements: list[Statement]) -> list[Statement]:
    """Give every statement its p corrected over all that were tested (Holm), and the sentence that still holds then.

    A direction is claimed where the interval leaves out 0 and the corrected p is `ALPHA` or less; where only the
    interval does, the sentence says that it does not hold after the correction.
    """
    corrected = holm([one.p for one in statements])
    tested = int(np.isfinite(corrected).sum())
    return [
        replace(one, p_holm=float(p), found=_say(one, float(p), tested) if one.ways else one.found)
        for one, p in zip(statements, corrected, strict=True)
    ]


def _say(one: Statement, p_holm: float, tested: int) -> str:
    way = side(one.effect)
    if way == 0 or p_holm <= ALPHA:
        return one.ways[way]
    return (
        f"{one.ways[0]} Alone, the difference could be told from 0; not after correction for {count_words(tested)} "
        f"(p = {_number(p_holm, 2)})."
    )


def count_words(tested: int) -> str:
    """Return how many statements a correction is for.

    >>> count_words(4)
    'four statements'
    """
    words = ("no statement", "one statement", "two statements", "three statements", "four statements")
    return words[tested] if tested < len(words) else f"{tested} statements"


def side(effect: Estimate) -> int:
    """Return 1 or -1 where the interval lies on one side of 0, else 0.

    >>> side({"value": 0.2, "low": 0.1, "high": 0.3}), side({"value": 0.1, "low": -0.1, "high": 0.3})
    (1, 0)
    """
    return int(effect["low"] > 0) - int(effect["high"] < 0)


def words(estimate: Estimate, digits: int = 2) -> str:
    """Return value and interval in words.

    >>> words({"value": 0.2, "low": -0.1, "high": 0.3})
    '.20 (−.10 to .30)'
    """
    low, value, high = (_number(estimate[key], digits) for key in ("low", "value", "high"))
    return f"{value} ({low} to {high})"


def _number(value: float, digits: int) -> str:
    if not np.isfinite(value):
        return "–"
    text = f"{abs(value):.{digits}f}"
    return ("−" if value < 0 and float(text) else "") + (text[1:] if text.startswith("0.") else text)


UNTESTED: Estimate = {"value": float("nan"), "low": float("nan"), "high": float("nan")}
