"""Figures as pixels: what the text of a figure says is where and in what color it says."""

import re
from pathlib import Path

import numpy as np
import pytest

from cxr_xai.visualization.raster import LIGHT, Picture, rasterize
from cxr_xai.visualization.rows import Row, draw_rows
from cxr_xai.visualization.svg import element, write_svg, write_text

PAGES = Path(__file__).parents[2] / "cxr_xai" / "report" / "style.css"


def rgb(name: str) -> list[int]:
    return [int(LIGHT[name][at : at + 2], 16) for at in (1, 3, 5)]


def paint(*parts: str) -> Picture:
    return rasterize(write_svg(100, 60, list(parts), "a figure"), scale=2)


def test_colors_are_those_of_the_pages() -> None:
    light = PAGES.read_text().split("@media")[0]
    assert {name: re.search(rf"{name}: (#\w+);", light)[1] for name in LIGHT} == LIGHT  # type: ignore[index]


def test_a_circle_is_where_it_was_put() -> None:
    picture = paint(element("circle", class_="dot", cx=30, cy=20, r=5))
    assert picture.shape == (120, 200, 3)
    assert picture[40, 60].tolist() == rgb("--accent")
    assert picture[40, 80].tolist() == [255, 255, 255]
    assert (picture[..., 0] < 146).sum() == pytest.approx(np.pi * 100, rel=0.1)  # more than half inside


@pytest.mark.parametrize(
    ("part", "color"),
    [
        (element("rect", class_="bar-1", x=10, y=10, width=40, height=20), "--warm"),
        (element("path", class_="start", d="M30.0 5l15 15l-15 15l-15-15z"), "--warm"),
        (element("line", class_="end", x1=30, x2=30, y1=10, y2=30), "--good"),
        (element("path", class_="path series-0", d="M10 20L50 20"), "--accent"),
    ],
)
def test_shapes_have_the_color_of_their_class(part: str, color: str) -> None:
    assert paint(part)[40, 60].tolist() == rgb(color)


def test_what_is_faint_is_pale() -> None:
    dot = element("circle", class_="dot", cx=30, cy=20, r=5)
    pale = paint(element("g", dot, class_="faint"))[40, 60]
    assert pale.tolist() == pytest.approx(((np.array(rgb("--accent")) + 255) / 2).tolist(), abs=2)


def test_text_ends_where_it_is_anchored() -> None:
    dark = np.flatnonzero((paint(write_text(80, 30, "AUROC", "", "end")) < 128).all(-1).any(0))
    assert dark[-1] / 2 == pytest.approx(80, abs=2)
    assert dark[0] / 2 > 30


def test_rows_of_a_report_and_a_title() -> None:
    svg = draw_rows([Row("a $ & b", 0.7, 0.6, 0.8), Row("b", text="–")], 0, 1, "alt", [("dot", "mean")], 0.5)
    plain, headed = rasterize(svg), rasterize(svg, "Title")
    assert headed.shape[0] - plain.shape[0] == 45
    assert (headed[:40] < 100).all(-1).any()
    assert (plain == rgb("--accent")).all(-1).any()
