"""Scalable figures as text: elements, ticks and scales. Colors come from the page, so light and dark both fit."""

import math
from collections.abc import Callable
from html import escape
from pathlib import Path

STYLE = (Path(__file__).parent / "figures.css").read_text()
"""Rules for the classes that figures use; a page defines the colors ``--ink --muted --line …`` once for each scheme."""


def element(tag: str, *content: str, **attributes: str | float) -> str:
    """Write one element; numbers are rounded to a tenth of a pixel, ``class_`` means ``class``, ``a_b`` means ``a-b``.

    Args:
        tag: name of the element.
        content: markup inside it, already escaped.
        attributes: escaped here.

    >>> element("line", class_="grid", x1=0, x2=1.26)
    '<line class="grid" x1="0" x2="1.3"/>'
    """
    pairs = {key.rstrip("_").replace("_", "-"): _attribute(value) for key, value in attributes.items()}
    opening = " ".join([tag, *(f'{key}="{value}"' for key, value in pairs.items())])
    return f"<{opening}>{''.join(content)}</{tag}>" if content else f"<{opening}/>"


def _attribute(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 1):g}"


def write_text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> str:
    """Write a line of text; ``anchor`` is ``start``, ``middle`` or ``end``."""
    return element("text", escape(words), class_=class_, x=x, y=y, text_anchor=anchor)


def write_svg(width: float, height: float, parts: list[str], alt: str) -> str:
    """Put a figure together.

    Args:
        width: of the coordinate system; the page scales it.
        height: likewise.
        parts: elements, drawn in this order.
        alt: what the figure shows, for people who do not see it.
    """
    title = element("title", escape(alt))
    box = f"0 0 {width:g} {height:g}"
    return element("svg", title, *parts, class_="chart", role="img", viewBox=box, aria_label=alt)


def choose_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most ``most`` round numbers (1, 2 or 5 times a power of ten apart) inside ``[low, high]``.

    >>> choose_ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> choose_ticks(3.0, 3.0)
    [3.0]
    """
    if not high > low:
        return [low]
    base = 10 ** math.floor(math.log10((high - low) / most))
    # an exact multiple must not be lost to rounding
    slack = (high - low) * 1e-9
    for step in (base * factor for factor in (1, 2, 5, 10, 20)):
        first, last = math.ceil((low - slack) / step), math.floor((high + slack) / step)
        if last - first < most:
            return [float(f"{number * step:.12g}") for number in range(first, last + 1)]
    return [low, high]


def make_scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return the linear map of ``[low, high]`` onto ``[start, end]``; values outside are moved to the nearer end.

    >>> make_scale(0, 1, 100, 200)(0.5), make_scale(0, 1, 100, 200)(3)
    (150.0, 200.0)
    """
    span = high - low if high > low else 1.0

    def scale(value: float) -> float:
        return start + (min(max(value, low), low + span) - low) / span * (end - start)

    return scale
