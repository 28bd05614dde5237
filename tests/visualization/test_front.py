import xml.etree.ElementTree as ElementTree

from cxr_xai.visualization.front import Point, draw_front

POINTS = [
    Point(0.6, 0.4, "0", True, False),
    Point(0.7, 0.3, "1", True, True),
    Point(0.65, 0.2, "2", False, False),
]


def draw(points: list[Point]) -> ElementTree.Element:
    return ElementTree.fromstring(draw_front(points, "AUROC", "energy", "a figure"))


def test_the_front_is_joined_and_the_chosen_point_has_a_ring() -> None:
    figure = draw(POINTS)
    circles = {kind: figure.findall(f"circle[@class='{kind}']") for kind in ("series-1", "dot faint", "ring")}
    assert {kind: len(found) for kind, found in circles.items()} == {"series-1": 3, "dot faint": 2, "ring": 2}, (
        "+ legend"
    )
    path = figure.find("path")
    assert path is not None
    assert path.attrib["d"].count("L") == 1
    ring, taken = circles["ring"][0].attrib, circles["series-1"][1].attrib
    assert (ring["cx"], ring["cy"]) == (taken["cx"], taken["cy"])


def test_larger_is_to_the_right_and_above() -> None:
    first, second = draw(POINTS).findall("circle[@class='series-1']")[:2]
    assert float(first.attrib["cx"]) < float(second.attrib["cx"])
    assert float(first.attrib["cy"]) < float(second.attrib["cy"])


def test_axes_and_front_are_named_and_others_are_not() -> None:
    words = [text.text for text in draw(POINTS).iter("text")]
    assert {"AUROC", "energy", "chosen"} <= set(words)
    assert words.count("1") == 1
    assert "2" not in words


def test_one_point_is_enough() -> None:
    assert draw([Point(0.5, 0.5, "7", True, True)]).findall("circle[@class='ring']")
