"""Shares of patients by hash."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.data.splits.by_hash import is_drawn

PATIENTS = [str(number) for number in range(1, 201)]


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_a_smaller_one(one: float, two: float) -> None:
    small, large = ({p for p in PATIENTS if is_drawn("x", p, share)} for share in sorted((one, two)))
    assert small <= large


def test_it_is_the_place_of_the_hash() -> None:
    place = int.from_bytes(hashlib.sha256(b"x 7").digest()[:8], "big") / 2**64
    assert (is_drawn("x", "7", place + 1e-9), is_drawn("x", "7", place - 1e-9)) == (True, False)


def test_purposes_draw_apart_and_ends_are_nobody_and_everybody() -> None:
    drawn = [{p for p in PATIENTS if is_drawn(purpose, p, 0.5)} for purpose in ("x", "y")]
    assert drawn[0] != drawn[1]
    assert [sum(is_drawn("x", p, share) for p in PATIENTS) for share in (0.0, 1.0)] == [0, 200]
