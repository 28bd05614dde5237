"""How numbers are compared and differences are told."""

from typing import Any

import pytest

from cxr_xai.experiments.verification.checks import Difference, compare, judge

NAN = float("nan")


@pytest.mark.parametrize(
    ("stored", "found", "places"),
    [
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, []),
        ({"a": 1.0}, {"a": 1.0 + 1e-4}, ["a"]),
        ({"a": None}, {"a": NAN}, []),
        ({"a": None}, {"a": 0.5}, ["a"]),
        ({"a": 0.5}, {"a": NAN}, ["a"]),
        ({"a": 1}, {}, ["a"]),
        ({}, {"a": {"b": 1}}, ["a"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a[1]"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"a": True}, {"a": 1.0}, []),
        ({"a": "x"}, {"a": "y"}, ["a"]),
        ({"a": 1e9}, {"a": 1e9 + 1}, []),
    ],
)
def test_compare(stored: Any, found: Any, places: list[str]) -> None:
    assert [difference.place for difference in compare(stored, found)] == places


def test_a_check_names_three_and_counts_the_rest() -> None:
    assert judge("x", [], "all well").outcome == "holds"
    many = judge("x", [Difference(f"p{k}", 0.123456789, None) for k in range(5)], "all well")
    assert many.outcome == "does not hold"
    assert many.words.startswith("p0: stored 0.123457, recomputed nothing; p1")
    assert many.words.endswith("; and 2 more")
