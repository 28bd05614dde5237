import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.visualization.svg import choose_ticks, element, make_scale, write_svg, write_text


def test_words_are_escaped() -> None:
    parsed = ElementTree.fromstring(write_svg(10, 10, [write_text(0, 0, "a < b & c")], 'x "y"'))
    assert parsed.attrib["aria-label"] == 'x "y"'
    assert [child.text for child in parsed] == ['x "y"', "a < b & c"]


def test_attributes_are_renamed_and_rounded() -> None:
    assert (
        element("text", "hi", class_="soft", text_anchor="end", x=1.04)
        == '<text class="soft" text-anchor="end" x="1">hi</text>'
    )


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.5, 1, [0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        (0, 9, [0, 2, 4, 6, 8]),
        (-0.3, 0.3, [-0.2, 0, 0.2]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert choose_ticks(low, high) == ticks


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(2, 10))
def test_ticks_lie_inside_and_are_few(low: float, span: float, most: int) -> None:
    ticks = choose_ticks(low, low + span, most)
    assert len(ticks) <= most
    assert all(low - span * 1e-3 <= tick <= low + span * 1.001 for tick in ticks)


def test_a_scale_may_point_down_and_holds_values_inside() -> None:
    scale = make_scale(0, 1, 200, 100)
    assert (scale(0), scale(0.25), scale(1), scale(-1), scale(2)) == (200, 175, 100, 200, 100)
