"""Points of two merits, the front of those that no other dominates, and the one that was chosen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cxr_xai.visualization.lines import write_path
from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 380, 280, 46, 16, 40, 42
CLOSE = 16
"""Pixels below which two labels would touch."""


@dataclass(frozen=True)
class Point:
    """One candidate.

    Attributes:
        x: a merit, larger is better.
        y: another.
        label: written beside the points of the front.
        on_front: whether none is as good in both and better in one.
        chosen: whether it was taken.
    """

    x: float
    y: float
    label: str
    on_front: bool
    chosen: bool


def draw_front(points: Sequence[Point], across: str, up: str, alt: str) -> str:
    """Draw the points, a line along the front, and a ring around the chosen one.

    Args:
        points: at least one, finite.
        across: names x.
        up: names y.
        alt: what the figure shows.

    Returns:
        SVG text.
    """
    x_range, y_range = _range([p.x for p in points]), _range([p.y for p in points])
    right, above = make_scale(*x_range, LEFT, WIDTH - RIGHT), make_scale(*y_range, HEIGHT - BOTTOM, TOP)
    parts = _draw_axes(x_range, y_range, across, up)
    front = sorted((p for p in points if p.on_front), key=lambda p: p.x)
    parts.append(element("path", class_="path series-1", d=write_path([(right(p.x), above(p.y)) for p in front])))
    for point in points:
        x, y = right(point.x), above(point.y)
        parts.append(element("circle", class_="series-1" if point.on_front else "dot faint", cx=x, cy=y, r=3.5))
        if point.chosen:
            parts.append(element("circle", class_="ring", cx=x, cy=y, r=8))
    parts += [
        write_text(x - 9, y + 15, words, "soft tiny", "end")
        for x, y, words in _spread([(right(p.x), above(p.y), p.label) for p in front])
    ]
    for left, class_, words in ((8, "dot faint", "epoch"), (82, "series-1", "on the front"), (194, "ring", "chosen")):
        parts.append(element("circle", class_=class_, cx=LEFT + left, cy=12, r=4))
        parts.append(write_text(LEFT + left + 10, 16, words, "soft"))
    return write_svg(WIDTH, HEIGHT, parts, alt)


def _spread(labels: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Leave out labels that would lie upon the one before.

    >>> _spread([(10, 10, "3"), (18, 11, "4"), (30, 12, "5")])
    [(10, 10, '3'), (30, 12, '5')]
    """
    kept: list[tuple[float, float, str]] = []
    for x, y, words in labels:
        if not kept or math.dist((x, y), kept[-1][:2]) >= CLOSE:
            kept.append((x, y, words))
    return kept


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1.0) * 0.12
    return low - margin, high + margin


def _draw_axes(x_range: tuple[float, float], y_range: tuple[float, float], across: str, up: str) -> list[str]:
    right, above = make_scale(*x_range, LEFT, WIDTH - RIGHT), make_scale(*y_range, HEIGHT - BOTTOM, TOP)
    parts = []
    for tick in choose_ticks(*y_range, 5):
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=above(tick), y2=above(tick)))
        parts.append(write_text(LEFT - 6, above(tick) + 4, f"{tick:g}", "soft", "end"))
    for tick in choose_ticks(*x_range, 6):
        parts.append(element("line", class_="grid", x1=right(tick), x2=right(tick), y1=TOP, y2=HEIGHT - BOTTOM))
        parts.append(write_text(right(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", "soft", "middle"))
    parts.append(write_text(WIDTH - RIGHT, HEIGHT - 6, across, "soft", "end"))
    parts.append(write_text(LEFT - 40, TOP - 8, up, "soft"))
    return parts
