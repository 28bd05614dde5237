import math
import xml.etree.ElementTree as ElementTree

from cxr_xai.visualization.lines import Line, draw_lines


def test_one_epoch_is_a_dot() -> None:
    figure = ElementTree.fromstring(draw_lines([Line("val", [0], [0.5])], "a figure", best=0))
    assert len(figure.findall("circle")) == 2  # the point and the legend
    assert any(text.text == "best" for text in figure.iter("text"))


def test_an_undefined_value_leaves_a_gap() -> None:
    figure = ElementTree.fromstring(draw_lines([Line("val", [0, 1, 2], [0.5, math.nan, 0.7])], "a figure"))
    path = figure.find("path")
    assert path is not None
    assert path.attrib["d"].count("M") == 2
    assert "L" not in path.attrib["d"]


def test_higher_values_are_higher() -> None:
    figure = ElementTree.fromstring(draw_lines([Line("val", [0, 1], [0.1, 0.9])], "a figure"))
    first, last = (float(circle.attrib["cy"]) for circle in figure.findall("circle")[:2])
    assert last < first


def test_nothing_defined_still_draws_axes() -> None:
    assert ElementTree.fromstring(draw_lines([Line("val", [0], [math.nan])], "a figure")).findall("line")


def test_another_axis_and_three_curves() -> None:
    lines = [Line(name, [0, 50, 100], [1, y, 0]) for name, y in (("map", 0.2), ("random", 0.6), ("prior", 0.4))]
    text = draw_lines(lines, "a figure", axis="% of cells")
    assert "% of cells" in text
    assert "series-2" in text
    assert "epoch" not in text
