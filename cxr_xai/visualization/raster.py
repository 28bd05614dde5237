"""The figures of the reports as pixels, for places that show pictures only: same elements, same rules of style."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path

from cxr_xai.visualization.svg import STYLE

Picture = npt.NDArray[np.uint8]
Look = dict[str, str]

LIGHT = {
    "--page": "#fbfaf8",
    "--card": "#ffffff",
    "--ink": "#1c2026",
    "--muted": "#5d6673",
    "--line": "#e4e2dd",
    "--line-strong": "#a9adb3",
    "--accent": "#2563a8",
    "--warm": "#b4540a",
    "--good": "#2b7a4b",
}
"""The light colors of the pages."""

UNIT = 100.0
"""Pixels of a figure to an inch."""
POINTS = 72 / UNIT
HEAD = 30
"""Pixels above the figure for its title."""


def _read_rules(style: str) -> list[tuple[str, str, Look]]:
    """Return (tag or empty, class or empty, properties) in the order of the sheet."""
    rules = []
    for selector, body in re.findall(r"\.chart ([\w.-]+) \{([^}]*)\}", style):
        tag, _, name = selector.partition(".")
        pairs = (part.split(":", 1) for part in body.split(";") if ":" in part)
        rules.append((tag, name, {key.strip(): _color(value.strip()) for key, value in pairs}))
    return rules


def _color(value: str) -> str:
    return LIGHT.get(value.removeprefix("var(").removesuffix(")"), value)


RULES = _read_rules(STYLE)


def rasterize(svg: str, title: str = "", scale: float = 1.5) -> Picture:
    """Paint a figure of this room on a white ground.

    Args:
        svg: what ``write_svg`` returned.
        title: written above it.
        scale: pixels of the picture to one of the figure.

    Returns:
        ``(height, width, 3)`` RGB.
    """
    root = ET.fromstring(svg)
    _, _, width, height = (float(number) for number in root.attrib["viewBox"].split())
    head = HEAD if title else 0
    figure = Figure(figsize=(width / UNIT, (height + head) / UNIT), dpi=UNIT * scale, facecolor=LIGHT["--card"])
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, -head)
    if title:
        axes.text(12, -head / 2 + 2, title, fontsize=13 * POINTS, fontweight="bold", va="center", color=LIGHT["--ink"])
    for order, (element, faint) in enumerate(_walk(root, 1.0)):
        _paint(axes, element, faint, order)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def _walk(node: ET.Element, faint: float) -> Iterator[tuple[ET.Element, float]]:
    """Yield what is drawn, with the opacity of the groups around it."""
    for child in node:
        if child.tag == "g":
            yield from _walk(child, faint * float(_look(child).get("opacity", 1)))
        elif child.tag != "title":
            yield child, faint


def _look(element: ET.Element) -> Look:
    """Return the properties that hold for an element: those of its tag, of its classes, and its own."""
    classes = element.get("class", "").split()
    look: Look = {}
    for tag, name, properties in RULES:
        if tag in ("", element.tag) and (not name or name in classes):
            look |= properties
    own: dict[str, str] = dict(part.split(":", 1) for part in element.get("style", "").split(";") if part)
    return look | own


def _paint(axes: Axes, element: ET.Element, faint: float, order: int) -> None:
    look, at = _look(element), element.attrib
    opacity = faint * float(look.get("opacity", 1))
    if element.tag == "text":
        _paint_text(axes, element, look, opacity)
        return
    line: dict[str, Any] = {"linewidth": float(look.get("stroke-width", 1)) * POINTS, "alpha": opacity, "zorder": order}
    if element.tag == "line":
        x, y = ([float(at[f"{key}{end}"]) for end in "12"] for key in "xy")
        round_ = "round" if look.get("stroke-linecap") == "round" else "butt"
        dashes = (0, (2, 3)) if "stroke-dasharray" in look else "-"
        stroke = look.get("stroke", "none")
        axes.add_line(Line2D(x, y, color=stroke, linestyle=dashes, solid_capstyle=round_, **line))  # type: ignore[arg-type]
        return
    colors: dict[str, Any] = {"facecolor": look.get("fill", LIGHT["--ink"]), "edgecolor": look.get("stroke", "none")}
    if element.tag == "circle":
        axes.add_patch(Circle((float(at["cx"]), float(at["cy"])), float(at["r"]), **colors, **line))
    elif element.tag == "rect":
        corner = (float(at["x"]), float(at["y"]))
        axes.add_patch(Rectangle(corner, float(at["width"]), float(at["height"]), **colors, **line))
    elif at["d"]:
        axes.add_patch(PathPatch(read_path(at["d"]), **colors, **line))


def _paint_text(axes: Axes, element: ET.Element, look: Mapping[str, str], opacity: float) -> None:
    anchor = {"end": "right", "middle": "center"}.get(element.get("text-anchor", ""), "left")
    turned = re.match(r"rotate\((-?[\d.]+)", element.get("transform", ""))
    axes.text(
        float(element.attrib["x"]),
        float(element.attrib["y"]),
        element.text or "",
        ha=anchor,
        va="baseline",
        fontsize=(float(look.get("font-size", "11px").removesuffix("px"))) * POINTS,  # DejaVu is wider than a page's
        fontweight="bold" if look.get("font-weight") else "normal",
        color=look.get("fill", LIGHT["--ink"]),
        alpha=opacity,
        rotation=-float(turned[1]) if turned else 0.0,
        rotation_mode="anchor",
        parse_math=False,
    )


def read_path(words: str) -> Path:
    """Return the path of ``M L l z``.

    >>> read_path("M1 2l5 5z").vertices.tolist()
    [[1.0, 2.0], [6.0, 7.0], [1.0, 2.0]]
    """
    vertices: list[tuple[float, float]] = []
    codes = []
    start = (0.0, 0.0)
    for letter, numbers in re.findall(r"([MLlz])([^MLlz]*)", words):
        if letter == "z":
            vertices.append(start)
            codes.append(Path.CLOSEPOLY)
            continue
        x, y = (float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", numbers))
        if letter == "l":
            x, y = vertices[-1][0] + x, vertices[-1][1] + y
        start = (x, y) if letter == "M" else start
        vertices.append((x, y))
        codes.append(Path.MOVETO if letter == "M" else Path.LINETO)
    return Path(vertices, codes)
