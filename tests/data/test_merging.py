"""Boxes of several readers: what overlaps is one thing, whatever the order in which it was drawn."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.boxes import CORNERS
from cxr_xai.data.index import BOX_COLUMNS
from cxr_xai.data.merging import merge_boxes, overlaps

Box = tuple[float, float, float, float]


def table(*boxes: Box, finding: str = "Mass") -> pd.DataFrame:
    rows = [["a.dicom", "a", finding, *box] for box in boxes]
    return pd.DataFrame(rows, columns=list(BOX_COLUMNS)).astype(dict.fromkeys(CORNERS, float))


def test_overlap_by_hand() -> None:
    found = overlaps(np.array([[0, 0, 2, 1], [1, 0, 3, 1], [5, 5, 6, 6]], float))
    np.testing.assert_allclose(found, [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]])


def test_a_third_box_joins_two() -> None:
    """The outer two overlap by less than half, each of them with the middle one by more."""
    merged = merge_boxes(table((0.0, 0, 0.4, 1), (0.1, 0, 0.5, 1), (0.2, 0, 0.6, 1)), ["A", "B", "C"])
    np.testing.assert_allclose(merged[CORNERS], [[0.1, 0, 0.5, 1]])


def test_a_readers_own_boxes_are_two_things_unless_another_joins_them() -> None:
    one, two, over_both = (0.0, 0.0, 0.6, 1.0), (0.18, 0.0, 0.78, 1.0), (0.1, 0.0, 0.7, 1.0)
    assert len(merge_boxes(table(one, two), ["A", "A"])) == 2, "most of each is shared"
    assert len(merge_boxes(table(one, two), ["A", "B"])) == 1
    assert len(merge_boxes(table(one, two, over_both), ["A", "A", "B"])) == 1


def test_findings_and_images_are_kept_apart() -> None:
    same = (0.0, 0.0, 0.5, 0.5)
    boxes = pd.concat([table(same), table(same, finding="Nodule"), table(same).assign(image_id="b.dicom")])
    assert len(merge_boxes(boxes.reset_index(drop=True), ["A", "B", "C"])) == 3
    assert len(merge_boxes(table(), [])) == 0


edge = st.integers(0, 8)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(edge, edge, st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=6))
def test_the_order_of_readers_is_nothing(drawn: list[tuple[int, int, int, int]]) -> None:
    boxes = table(*[(x / 12, y / 12, (x + w) / 12, (y + h) / 12) for x, y, w, h in drawn])
    readers = [f"R{(x + w) % 3}" for x, _, w, _ in drawn]
    turned = np.random.default_rng(len(drawn)).permutation(len(drawn))
    shuffled = boxes.iloc[turned].reset_index(drop=True)
    made = (merge_boxes(boxes, readers), merge_boxes(shuffled, [readers[n] for n in turned]))
    one, other = (sorted(map(tuple, each[CORNERS].round(9).to_numpy())) for each in made)
    np.testing.assert_allclose(one, other)
    merged, low, high = np.array(one), boxes[CORNERS].min(), boxes[CORNERS].max()
    assert (merged >= low.to_numpy() - 1e-9).all()
    assert (merged <= high.to_numpy() + 1e-9).all()
    assert len(one) <= len(boxes)
