"""One row a name: a value with its interval, and what it is read against."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text

NAN = math.nan
WIDTH, LEFT, RIGHT, PITCH = 780, 168, 172, 25


@dataclass(frozen=True)
class Row:
    """One line of the figure; NaN is not drawn.

    Attributes:
        label: at the left.
        value: filled dot.
        low: lower end of its interval.
        high: upper end.
        start: diamond, where a thin line begins (a prior).
        end: upright stroke, where it ends (a ceiling).
        other: open circle (a number of somebody else).
        text: at the right.
        faint: marks drawn pale (too few cases to count).
        strong: label in bold (a mean).
    """

    label: str
    value: float = NAN
    low: float = NAN
    high: float = NAN
    start: float = NAN
    end: float = NAN
    other: float = NAN
    text: str = ""
    faint: bool = False
    strong: bool = False


def draw_rows(
    rows: Sequence[Row],
    low: float,
    high: float,
    alt: str,
    legend: Sequence[tuple[str, str]] = (),
    reference: float | None = None,
) -> str:
    """Draw rows on one horizontal scale.

    Args:
        rows: from top to bottom.
        low: left end of the scale.
        high: right end.
        alt: what the figure shows.
        legend: (mark, meaning), mark one of ``dot range start end other``.
        reference: a dashed upright line, for instance at chance.

    Returns:
        SVG text.
    """
    scale = make_scale(low, high, LEFT, WIDTH - RIGHT)
    top = 30 if legend else 6
    bottom = top + PITCH * len(rows)
    parts = _draw_legend(legend)
    for tick in choose_ticks(low, high):
        x = scale(tick)
        parts.append(element("line", class_="grid", x1=x, x2=x, y1=top, y2=bottom))
        parts.append(write_text(x, bottom + 16, f"{tick:g}", "soft", "middle"))
    if reference is not None:
        x = scale(reference)
        parts.append(element("line", class_="zero", x1=x, x2=x, y1=top, y2=bottom))
    for number, row in enumerate(rows):
        parts.append(_draw_row(row, scale, top + PITCH * (number + 0.5)))
    return write_svg(WIDTH, bottom + 24, parts, alt)


def _draw_row(row: Row, scale: Callable[[float], float], y: float) -> str:
    label_class = "strong" if row.strong else "soft" if row.faint else ""
    label = write_text(LEFT - 14, y + 4, row.label, label_class, "end")
    parts = []
    if _known(row.start, row.end):
        parts.append(element("line", class_="span", x1=scale(row.start), x2=scale(row.end), y1=y, y2=y))
    if _known(row.low, row.high):
        parts.append(element("line", class_="range", x1=scale(row.low), x2=scale(row.high), y1=y, y2=y))
    places = {"start": row.start, "end": row.end, "other": row.other, "dot": row.value}
    parts += [draw_mark(mark, scale(place), y) for mark, place in places.items() if _known(place)]
    marks = element("g", *parts, class_="faint" if row.faint else "full")
    return marks + label + write_text(WIDTH - RIGHT + 16, y + 4, row.text, "soft")


def draw_mark(mark: str, x: float, y: float) -> str:
    """Draw one of the marks ``dot range start end other`` around a point."""
    if mark == "start":
        return element("path", class_="start", d=f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5-5z")
    if mark == "end":
        return element("line", class_="end", x1=x, x2=x, y1=y - 6, y2=y + 6)
    if mark == "range":
        return element("line", class_="range", x1=x - 6, x2=x + 6, y1=y, y2=y)
    return element("circle", class_=mark, cx=x, cy=y, r=4.5 if mark == "dot" else 4)


def _draw_legend(legend: Sequence[tuple[str, str]]) -> list[str]:
    parts, x = [], float(LEFT)
    for mark, meaning in legend:
        parts += [draw_mark(mark, x + 8, 10), write_text(x + 23, 14, meaning, "soft")]
        x += 44 + 5.7 * len(meaning)
    return parts


def _known(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)
