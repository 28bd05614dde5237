"""Dots of two series by name."""

import math
from xml.etree import ElementTree

from cxr_xai.visualization.strips import Strip, draw_strips


def test_every_value_is_a_dot_and_several_have_a_mean() -> None:
    strips = [Strip("heart", [[0.1, 0.3], [0.4]]), Strip("outside", [[math.nan, 0.2], []])]
    figure = draw_strips(strips, ["<a>", "b"], "dots")
    tree = ElementTree.fromstring(figure)
    dots = [one for one in tree.iter() if one.tag.endswith("circle")]
    assert [sum(one.get("class") == f"series-{n}" for one in dots) for n in (0, 1)] == [3 + 1, 1 + 1]  # and the legend
    means = [float(one.get("x1", "nan")) for one in tree.iter() if one.get("class") == "whisker"]
    assert len(means) == 1
    first = [float(one.get("cx", "nan")) for one in dots if one.get("class") == "series-0"][1:3]
    assert math.isclose(means[0], sum(first) / 2, abs_tol=0.1)
    assert "&lt;a&gt;" in figure
