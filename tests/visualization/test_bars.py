"""Bars as long as their numbers."""

import math
import re

from cxr_xai.visualization.bars import Bar, draw_bars


def test_lengths_are_in_proportion_and_two_series_are_named() -> None:
    svg = draw_bars(
        [("a", [Bar(2.0, 1.0, 3.0), Bar(1.0)], ""), ("b", [Bar(-1.0), Bar(math.nan)], "x < y")], ["us", "them"], "bars"
    )
    widths = [float(w) for w in re.findall(r'class="bar-\d" x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="10"', svg)]
    drawn = widths[2:]  # after the two of the legend
    assert abs(drawn[0] - 2 * drawn[1]) < 0.3
    assert abs(drawn[1] - drawn[2]) < 0.3
    assert len(drawn) == 3
    assert svg.count("whisker") == 1
    assert "them" in svg
    assert "x &lt; y" in svg


def test_one_series_needs_no_names() -> None:
    assert "only" not in draw_bars([("a", [Bar(1.0)], "")], ["only"], "bars")
