"""Curves over epochs or thresholds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 380, 250, 42, 12, 40, 34


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        label: in the legend.
        x: epochs, or what the axis says, ascending.
        y: values; NaN leaves a gap.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]


def draw_lines(lines: Sequence[Line], alt: str, best: float | None = None, axis: str = "epoch") -> str:
    """Draw up to three curves.

    Args:
        lines: at least one; a curve of one point is a dot.
        alt: what the figure shows.
        best: epoch of a dashed upright line, labeled ``best``.
        axis: what x is; ticks of epochs are whole.

    Returns:
        SVG text.
    """
    values = [y for line in lines for y in line.y if math.isfinite(y)] or [0.0, 1.0]
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1.0) * 0.08
    epochs = [x for line in lines for x in line.x] or [0.0]
    across = make_scale(min(epochs), max(epochs), LEFT + 8, WIDTH - RIGHT - 8)
    up = make_scale(low - margin, high + margin, HEIGHT - BOTTOM, TOP)
    parts = _draw_axes(low - margin, high + margin, epochs, axis)
    if best is not None:
        x = across(best)
        parts.append(element("line", class_="zero", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM))
        parts.append(write_text(min(x, WIDTH - RIGHT - 12), TOP - 4, "best", "soft", "middle"))
    label_x = float(LEFT + 8)
    for number, line in enumerate(lines):
        name = f"series-{number}"
        points = [(across(x), up(y) if math.isfinite(y) else math.nan) for x, y in zip(line.x, line.y, strict=True)]
        parts.append(element("path", class_=f"path {name}", d=write_path(points)))
        parts += [element("circle", class_=name, cx=x, cy=y, r=2.5) for x, y in points if math.isfinite(y)]
        parts.append(element("circle", class_=name, cx=label_x, cy=12, r=4))
        parts.append(write_text(label_x + 10, 16, line.label, "soft"))
        label_x += 34 + 6.2 * len(line.label)
    return write_svg(WIDTH, HEIGHT, parts, alt)


def write_path(points: Sequence[tuple[float, float]]) -> str:
    """Return the path through the points, lifted where y is NaN.

    >>> write_path([(0, 1), (1, 2), (2, math.nan), (3, 4)])
    'M0 1L1 2M3 4'
    """
    text, down = "", False
    for x, y in points:
        if math.isfinite(y):
            text += f"{'L' if down else 'M'}{round(x, 1):g} {round(y, 1):g}"
        down = math.isfinite(y)
    return text


def _draw_axes(low: float, high: float, epochs: Sequence[float], axis: str) -> list[str]:
    up = make_scale(low, high, HEIGHT - BOTTOM, TOP)
    across = make_scale(min(epochs), max(epochs), LEFT + 8, WIDTH - RIGHT - 8)
    parts = []
    for tick in choose_ticks(low, high, 5):
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=up(tick), y2=up(tick)))
        parts.append(write_text(LEFT - 6, up(tick) + 4, f"{tick:g}", "soft", "end"))
    for tick in choose_ticks(min(epochs), max(epochs), 7):
        if tick == round(tick) or axis != "epoch":
            parts.append(write_text(across(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", "soft", "middle"))
    parts.append(write_text(WIDTH - RIGHT, HEIGHT - 4, axis, "soft", "end"))
    return parts
