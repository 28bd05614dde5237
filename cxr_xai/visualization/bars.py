"""Bars with intervals, one or two to a name."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text

WIDTH, LEFT, RIGHT, THICK = 780, 168, 150, 12


@dataclass(frozen=True)
class Bar:
    """One bar, from 0.

    Attributes:
        value: its length.
        low: lower end of the interval.
        high: upper end.
    """

    value: float
    low: float = math.nan
    high: float = math.nan


def draw_bars(rows: Sequence[tuple[str, Sequence[Bar], str]], series: Sequence[str], alt: str) -> str:
    """Draw named groups of bars on one scale.

    Args:
        rows: label, one bar per series, and text at the right.
        series: what the first, the second bar is; named above where there are two.
        alt: what the figure shows.
    """
    ends = [end for _, bars, _ in rows for bar in bars for end in (bar.value, bar.low, bar.high) if math.isfinite(end)]
    low, high = min(0.0, *ends, 0.0), max(0.0, *ends, 1e-9)
    scale = make_scale(low, high, LEFT, WIDTH - RIGHT)
    top, pitch = (30 if len(series) > 1 else 6), THICK * len(series) + 10
    bottom = top + pitch * len(rows)
    parts = []
    if len(series) > 1:
        for number, words in enumerate(series):
            x = LEFT + number * 280
            parts.append(element("rect", class_=f"bar-{number}", x=x, y=4, width=14, height=10))
            parts.append(write_text(x + 20, 13, words, "soft"))
    for tick in choose_ticks(low, high):
        parts.append(element("line", class_="grid", x1=scale(tick), x2=scale(tick), y1=top, y2=bottom))
        parts.append(write_text(scale(tick), bottom + 16, f"{tick:g}", "soft", "middle"))
    for line, (label, bars, words) in enumerate(rows):
        y = top + pitch * line + 5
        parts.append(write_text(LEFT - 14, y + THICK * len(bars) / 2 + 4, label, "", "end"))
        parts.append(write_text(WIDTH - RIGHT + 16, y + THICK * len(bars) / 2 + 4, words, "soft"))
        for number, bar in enumerate(bars):
            if math.isfinite(bar.value):
                parts.append(_draw_bar(bar, number, scale(0), scale(bar.value), y + THICK * number))
            if math.isfinite(bar.low) and math.isfinite(bar.high):
                middle = y + THICK * number + THICK / 2
                parts.append(
                    element("line", class_="whisker", x1=scale(bar.low), x2=scale(bar.high), y1=middle, y2=middle)
                )
    return write_svg(WIDTH, bottom + 24, parts, alt)


def _draw_bar(bar: Bar, number: int, start: float, end: float, y: float) -> str:
    left, right = sorted((start, end))
    return element("rect", class_=f"bar-{number}", x=left, y=y + 1, width=max(right - left, 0.5), height=THICK - 2)
