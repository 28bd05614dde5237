"""What was said against what came true: dots on the diagonal mean what they say."""

from collections.abc import Sequence
from dataclasses import dataclass

from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text

SIDE, LEFT, RIGHT, TOP, BOTTOM = 220, 34, 10, 8, 34
TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Where a scale may end: findings are rare, and on 0 to 1 their dots would lie on each other."""


@dataclass(frozen=True)
class Dots:
    """One probability in bins.

    Attributes:
        mark: ``dot`` (filled) or ``other`` (open).
        label: said when a dot is pointed at.
        said: mean probability of each bin.
        came_true: share of positives of each bin.
        counts: studies of each bin.
    """

    mark: str
    label: str
    said: Sequence[float]
    came_true: Sequence[float]
    counts: Sequence[int]


def draw_reliability(series: Sequence[Dots], alt: str) -> str:
    """Draw dots over the diagonal, both axes from 0 to the first round number above everything drawn.

    Args:
        series: the last one lies on top.
        alt: what the figure shows.

    Returns:
        SVG text; pointing at a dot says its numbers.
    """
    most = max((value for dots in series for value in (*dots.said, *dots.came_true)), default=1.0)
    end = next(top for top in TOPS if top >= min(most, 1.0))
    across, up = make_scale(0, end, LEFT, SIDE - RIGHT), make_scale(0, end, SIDE - BOTTOM, TOP)
    parts = []
    for tick in choose_ticks(0, end, 3):
        parts.append(element("line", class_="grid", x1=LEFT, x2=SIDE - RIGHT, y1=up(tick), y2=up(tick)))
        parts.append(element("line", class_="grid", x1=across(tick), x2=across(tick), y1=TOP, y2=SIDE - BOTTOM))
        parts.append(write_text(LEFT - 6, up(tick) + 4, f"{tick:g}", "soft", "end"))
        parts.append(write_text(across(tick), SIDE - BOTTOM + 15, f"{tick:g}", "soft", "middle"))
    parts.append(element("line", class_="zero", x1=across(0), y1=up(0), x2=across(end), y2=up(end)))
    parts.append(write_text((LEFT + SIDE - RIGHT) / 2, SIDE - 4, "said", "soft", "middle"))
    for dots in series:
        for said, came_true, count in zip(dots.said, dots.came_true, dots.counts, strict=True):
            words = f"{dots.label}: {count:,} studies, said {said:.3f}, came true {came_true:.3f}"
            place = {"cx": across(said), "cy": up(came_true), "r": 3.5}
            parts.append(element("circle", element("title", words), class_=dots.mark, **place))
    return write_svg(SIDE, SIDE, parts, alt)
