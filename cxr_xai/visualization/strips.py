"""Few values of two series to a name, a dot each, and their means."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text

WIDTH, LEFT, RIGHT, THICK = 780, 168, 24, 13


@dataclass(frozen=True)
class Strip:
    """One name.

    Attributes:
        label: at the left.
        series: values of the first and the second series; NaN is not drawn.
    """

    label: str
    series: Sequence[Sequence[float]]


def draw_strips(strips: Sequence[Strip], series: Sequence[str], alt: str) -> str:
    """Draw every value as a dot on a line of its series, and the mean of each series as an upright mark.

    Args:
        strips: from top to bottom.
        series: what the first and the second are.
        alt: what the figure shows.
    """
    values = [value for strip in strips for part in strip.series for value in part if math.isfinite(value)]
    low, high = min([0.0, *values]), max([1e-9, *values])
    scale = make_scale(low, high, LEFT, WIDTH - RIGHT)
    top, pitch = 30, THICK * len(series) + 8
    bottom = top + pitch * len(strips)
    parts = []
    for number, words in enumerate(series):
        x = LEFT + number * 280
        parts.append(element("circle", class_=f"series-{number}", cx=x + 6, cy=9, r=4))
        parts.append(write_text(x + 20, 13, words, "soft"))
    for tick in choose_ticks(low, high):
        parts.append(element("line", class_="grid", x1=scale(tick), x2=scale(tick), y1=top, y2=bottom))
        parts.append(write_text(scale(tick), bottom + 16, f"{tick:g}", "soft", "middle"))
    for line, strip in enumerate(strips):
        y = top + pitch * line + 4
        parts.append(write_text(LEFT - 14, y + THICK * len(series) / 2 + 4, strip.label, "", "end"))
        for number, part in enumerate(strip.series):
            parts += _draw_part([value for value in part if math.isfinite(value)], number, scale, y + THICK * number)
    return write_svg(WIDTH, bottom + 24, parts, alt)


def _draw_part(values: Sequence[float], number: int, scale: Callable[[float], float], y: float) -> list[str]:
    middle = y + THICK / 2
    parts = [element("circle", class_=f"series-{number}", cx=scale(v), cy=middle, r=3.5) for v in values]
    if len(values) > 1:
        x = scale(sum(values) / len(values))
        parts.append(element("line", class_="whisker", x1=x, x2=x, y1=y, y2=y + THICK))
    return parts
