"""The figure of tested statements."""

import re

from cxr_xai.report.statements import NAMES, draw_statements

NAN = {"value": None, "low": None, "high": None}


def told(**effects: dict[str, float | None]) -> dict[str, object]:
    return {"statements": [{"key": key, "effect": effect} for key, effect in effects.items()]}


def test_only_what_was_tested_is_drawn() -> None:
    figure = draw_statements(told(focus={"value": 0.2, "low": 0.1, "high": 0.34}, location=NAN))
    assert NAMES["focus"] in figure
    assert NAMES["location"] not in figure
    assert ".20" in figure


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw_statements(None) == ""
    assert draw_statements(told(focus=NAN)) == ""


def test_the_scale_holds_the_widest_end_and_zero_is_in_the_middle() -> None:
    figure = draw_statements(told(agreement={"value": -0.2, "low": -0.47, "high": 0.1}))
    ticks = [float(text.replace("−", "-")) for text in re.findall(r">([-−]?(?:0|\d*\.\d+))</text>", figure)]
    assert 0 in ticks
    assert max(abs(tick) for tick in ticks) <= 0.5
