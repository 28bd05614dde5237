"""Numbers and names as a reader wants them; – where undefined."""

import math
from collections.abc import Mapping
from typing import Any

from cxr_xai.stats.coverage import coverage_mark

UNDEFINED = "–"


def is_known(value: float | None) -> bool:
    """Tell whether a value is a finite number (JSON has null for NaN)."""
    return value is not None and math.isfinite(value)


def or_nan(value: float | None) -> float:
    """Return NaN for null."""
    return math.nan if value is None else float(value)


def number(value: float | None, digits: int = 3) -> str:
    """Return decimals without the leading zero.

    >>> number(0.1234), number(-0.5), number(None), number(1.0), number(-0.0001), number(0.816, 2)
    ('.123', '−.500', '–', '1.000', '.000', '.82')
    """
    if value is None or not math.isfinite(value):
        return UNDEFINED
    text = f"{abs(value):.{digits}f}"
    sign = "−" if value < 0 and float(text) != 0 else ""
    return sign + (text[1:] if text.startswith("0.") else text)


def signed(value: float | None) -> str:
    """Return a difference with its sign; what rounds to zero has none.

    >>> signed(0.05), signed(-0.05), signed(None), signed(0.0001), signed(-0.0001)
    ('+.050', '−.050', '–', '.000', '.000')
    """
    text = number(value)
    return "+" + text if is_known(value) and float(value or 0) > 0 and text != number(0.0) else text


def ends(entry: Mapping[str, float | None], digits: int = 3) -> str:
    """Return ``low–high`` of an interval; empty where there is none, or where resampling could not move the value.

    >>> ends({"value": 0.8, "low": 0.75, "high": 0.85}), ends({"value": 0.8, "low": -0.1, "high": 0.2})
    ('.750–.850', '−.100 to .200')
    """
    low, high = entry.get("low"), entry.get("high")
    if not (is_known(low) and is_known(high)) or low == high:
        return ""
    joint = " to " if or_nan(low) < 0 else "–"
    return f"{number(low, digits)}{joint}{number(high, digits)}"


def interval(entry: Mapping[str, float | None], digits: int = 3) -> str:
    """Return value and interval on one line.

    >>> interval({"value": 0.8, "low": 0.75, "high": 0.85}), interval({"value": None, "low": None, "high": None})
    ('.800 (.750–.850)', '–')
    """
    if not is_known(entry["value"]):
        return UNDEFINED
    inside = ends(entry, digits)
    return number(entry["value"], digits) + (f" ({inside})" if inside else "")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in percent.

    >>> percent(0.0958), percent(None)
    ('9.6 %', '–')
    """
    return f"{100 * value:.{digits}f} %" if value is not None and math.isfinite(value) else UNDEFINED


def count(value: float | None) -> str:
    """Return a whole number with separators.

    >>> count(112120)
    '112,120'
    """
    return f"{int(value):,}" if value is not None and math.isfinite(value) else UNDEFINED


def name(finding: str) -> str:
    """Return a finding as words.

    >>> name("Pleural_Thickening")
    'Pleural Thickening'
    """
    return finding.replace("_", " ")


def duration(seconds: float | None) -> str:
    """Return a span of time in its two largest units.

    >>> duration(30.6), duration(754), duration(7380)
    ('31 s', '12 min 34 s', '2 h 3 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return UNDEFINED
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def coverage(positive_patients: int) -> str:
    """Return the share of simulated 95 % intervals that held with so few patients; empty with enough of them.

    >>> coverage(100), coverage(30), coverage(9)
    ('', '.93', '?')
    """
    mark = coverage_mark(positive_patients, "bca")
    return "" if mark is None else "?" if math.isnan(mark) else number(mark, 2)


EXACT = 1e-3
"""Of a logit: a map whose sum misses its logit by no more is called exact."""


def residual(largest: float | None) -> str:
    """Say whether maps add up to what their method promises.

    >>> residual(2e-6), residual(0.034), residual(None)
    ('exact (2e-06)', 'not exact (misses by up to 0.034)', '–')
    """
    if largest is None or not math.isfinite(largest):
        return UNDEFINED
    return f"exact ({largest:.2g})" if largest <= EXACT else f"not exact (misses by up to {largest:.2g})"


FILTERS: dict[str, Any] = {
    function.__name__: function
    for function in (number, signed, ends, interval, percent, count, name, duration, is_known, coverage, residual)
}
"""What the template calls by name."""
