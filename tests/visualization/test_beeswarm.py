"""Dots that do not lie on each other."""

import math

from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.visualization.beeswarm import PITCH, RADIUS, Swarm, draw_beeswarm, spread


@given(st.lists(st.floats(0, 50), max_size=40), st.floats(0.5, 5))
def test_no_two_dots_of_one_bin_share_a_step(places: list[float], width: float) -> None:
    steps = spread(places, width)
    taken = [(math.floor(place / width), step) for place, step in zip(places, steps, strict=True)]
    assert len(set(taken)) == len(taken)


def test_every_known_film_is_a_dot_within_its_line() -> None:
    svg = draw_beeswarm([Swarm("heart", [0.1] * 50 + [math.nan], [1.0] * 25 + [0.0] * 26)], "values", "logit")
    assert svg.count('class="present"') == 25
    assert svg.count('class="absent"') == 25
    heights = [float(part.split('"')[0]) for part in svg.split('cy="')[1:]]
    assert max(heights) - min(heights) <= PITCH - 2 * RADIUS + 0.2


def test_nothing_to_draw() -> None:
    assert "<svg" in draw_beeswarm([Swarm("heart", [], [])], "values", "logit")
