import xml.etree.ElementTree as ElementTree

from cxr_xai.visualization.reliability import BOTTOM, LEFT, RIGHT, SIDE, TOP, Dots, draw_reliability


def draw(*series: Dots) -> ElementTree.Element:
    return ElementTree.fromstring(draw_reliability(series, "a figure"))


def test_dots_lie_where_they_belong_and_say_their_numbers() -> None:
    figure = draw(Dots("dot", "calibrated", [0.1, 0.2], [0.05, 0.2], [1200, 3]))
    first, last = figure.findall("circle")
    assert (float(last.attrib["cx"]), float(last.attrib["cy"])) == (SIDE - RIGHT, TOP), "the scale ends at .2"
    assert float(first.attrib["cx"]) == (LEFT + SIDE - RIGHT) / 2
    assert float(first.attrib["cy"]) == SIDE - BOTTOM - (SIDE - BOTTOM - TOP) / 4
    assert first[0].text == "calibrated: 1,200 studies, said 0.100, came true 0.050"


def test_series_share_a_scale_and_the_last_lies_on_top() -> None:
    figure = draw(Dots("other", "before", [0.9], [0.5], [2]), Dots("dot", "after", [0.009], [0.0], [2]))
    assert [circle.attrib["class"] for circle in figure.findall("circle")] == ["other", "dot"]
    assert "1" in [text.text for text in figure.iter("text")]
    small = draw(Dots("dot", "after", [0.009], [0.0], [2]))
    assert "0.01" in [text.text for text in small.iter("text")]


def test_the_diagonal_is_there_without_dots() -> None:
    figure = draw()
    line = figure.find("line[@class='zero']")
    assert line is not None
    assert (float(line.attrib["x2"]), float(line.attrib["y2"])) == (SIDE - RIGHT, TOP)


def test_rounding_above_one_is_no_trouble() -> None:
    assert len(draw(Dots("dot", "after", [1.0 + 1e-12], [1.0], [1])).findall("circle")) == 1
