"""Numbers in rows and columns, each on a ground as strong as it is large; warm above 0, blue below."""

import math
from collections.abc import Sequence
from html import escape

from cxr_xai.visualization.svg import element, write_svg, write_text

LEFT, TOP, CELL, HIGH = 150, 118, 42, 23


def draw_matrix(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    most: float,
    alt: str,
    digits: int = 2,
) -> str:
    """Draw a table of numbers as a picture.

    Args:
        rows: names at the left.
        columns: names above, written upwards.
        values: one row each; NaN leaves a cell empty.
        most: size that has the full color.
        alt: what the figure shows.
        digits: after the point.
    """
    parts = []
    for number, words in enumerate(columns):
        x = LEFT + CELL * (number + 0.5)
        place = f"rotate(-50 {x + 4:.1f} {TOP - 8})"
        parts.append(element("text", escape(words), x=x + 4, y=TOP - 8, transform=place))
    for line, words in enumerate(rows):
        y = TOP + HIGH * line
        parts.append(write_text(LEFT - 10, y + HIGH / 2 + 4, words, "", "end"))
        for number, value in enumerate(values[line]):
            if not math.isfinite(value):
                continue
            x = LEFT + CELL * number
            share = min(abs(value) / most, 1.0) if most > 0 else 0.0
            kind = "above" if value >= 0 else "below"
            # written with style, for an attribute would be rounded to a tenth
            parts.append(
                f'<rect class="{kind}" style="opacity:{share * 0.75:.2f}" x="{x}" y="{y}" '
                f'width="{CELL - 1}" height="{HIGH - 1}"/>'
            )
            text = f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"
            parts.append(write_text(x + CELL / 2, y + HIGH / 2 + 4, text.replace("-", "−"), "tiny", "middle"))
    return write_svg(LEFT + CELL * len(columns) + 70, TOP + HIGH * len(rows) + 4, parts, alt)
