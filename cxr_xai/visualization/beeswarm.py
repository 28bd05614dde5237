"""One dot a film, pushed aside where dots would lie on each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text

WIDTH, LEFT, RIGHT, PITCH, RADIUS = 620, 150, 14, 30, 2.2


@dataclass(frozen=True)
class Swarm:
    """One line of the figure.

    Attributes:
        label: at the left.
        values: one a film; NaN is not drawn.
        present: 1 the finding is in the label, 0 it is not, NaN unknown.
    """

    label: str
    values: Sequence[float]
    present: Sequence[float]


def spread(places: Sequence[float], width: float) -> list[int]:
    """Return for each place how many steps it is pushed from the middle line: 0, 1, -1, 2, -2, …

    Args:
        places: along the line, in pixels.
        width: of a dot; dots of one bin of this width lie above each other.

    >>> spread([0.0, 0.1, 0.2, 9.0], 1.0)
    [0, 1, -1, 0]
    """
    taken: dict[int, int] = {}
    steps = []
    for place in places:
        number = taken.get(cell := math.floor(place / width), 0)
        taken[cell] = number + 1
        steps.append((number + 1) // 2 * (1 if number % 2 else -1))
    return steps


def draw_beeswarm(swarms: Sequence[Swarm], alt: str, unit: str, reach: Sequence[float] = ()) -> str:
    """Draw lines of dots on one scale around 0; filled warm where the finding is in the label, else open.

    Args:
        swarms: from top to bottom.
        alt: what the figure shows.
        unit: written below the scale.
        reach: values that the scale reaches to whatever is drawn, so that figures side by side share one.
    """
    drawn = [value for swarm in swarms for value in (*swarm.values, *reach) if math.isfinite(value)]
    low, high = min(drawn, default=0.0), max(drawn, default=0.0)
    room = max((high - low) * 0.03, 1e-6)
    scale = make_scale(min(low, 0) - room, max(high, 0) + room, LEFT, WIDTH - RIGHT)
    bottom = 6 + PITCH * len(swarms)
    parts = []
    for tick in choose_ticks(min(low, 0) - room, max(high, 0) + room):
        parts.append(
            element("line", class_="zero" if tick == 0 else "grid", x1=scale(tick), x2=scale(tick), y1=6, y2=bottom)
        )
        parts.append(write_text(scale(tick), bottom + 15, f"{tick:g}", "soft", "middle"))
    parts.append(write_text(WIDTH - RIGHT, bottom + 30, unit, "soft", "end"))
    for line, swarm in enumerate(swarms):
        y = 6 + PITCH * (line + 0.5)
        parts.append(write_text(LEFT - 10, y + 4, swarm.label, "", "end"))
        shown = [(scale(v), p) for v, p in zip(swarm.values, swarm.present, strict=True) if math.isfinite(v)]
        steps = spread([x for x, _ in shown], 2 * RADIUS)
        most = max([abs(step) for step in steps] or [1]) or 1
        push = min(2 * RADIUS, (PITCH / 2 - RADIUS) / most)
        for (x, present), step in sorted(zip(shown, steps, strict=True), key=lambda one: one[0][1] == 1):
            mark = "present" if present == 1 else "absent"
            parts.append(element("circle", class_=mark, cx=x, cy=y + step * push, r=RADIUS))
    return write_svg(WIDTH, bottom + 34, parts, alt)
