"""Run lengths: those of pycocotools are read and counted as it does, others are refused before it sees them."""

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from cxr_xai.data.masks import Masks, decode_mask, find_boxes, read_runs, shrink_mask
from cxr_xai.errors import UserError


def encode(mask: np.ndarray) -> dict[str, Any]:
    rle = coco.encode(np.asfortranarray(mask))
    return {**rle, "counts": rle["counts"].decode()}


def test_what_coco_wrote_is_read_back() -> None:
    rng = np.random.default_rng(0)
    for share in np.linspace(0, 1, 9):
        mask = (rng.random((37, 53)) < share).astype(np.uint8)
        rle = encode(mask)
        np.testing.assert_array_equal(decode_mask(rle, "it"), mask)
        assert sum(read_runs(rle["counts"])) == mask.size
    assert decode_mask({"size": [2, 2], "counts": [1, 3]}, "it").tolist() == [[0, 1], [1, 1]], "plain, by columns"


@pytest.mark.parametrize(
    "rle",
    [
        *(5, {}, {"size": [3, 3], "counts": "zz"}, {"size": [2, 2], "counts": "P"}, {"size": [0, 2], "counts": ""}),
        *({"size": [2, 2], "counts": runs} for runs in ([1, 4], [-1, 5], "15O", None)),
    ],
)
def test_what_is_malformed(rle: object) -> None:
    with pytest.raises(UserError, match="mask of it is malformed"):
        decode_mask(rle, "it")  # type: ignore[arg-type]


def test_fine_marks_do_not_vanish() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[3, 10:20] = 1
    small = shrink_mask(mask, 10)
    assert small.sum() == 1
    assert small[0, 1]
    assert not shrink_mask(np.zeros((100, 100), np.uint8), 10).any()
    assert shrink_mask(np.ones((3, 5), np.uint8), 7).all()


def test_boxes_of_each_part() -> None:
    mask = np.zeros((4, 8), np.uint8)
    mask[0, 0], mask[1, 1], mask[2:, 6:] = 1, 1, 1  # corners touch
    assert find_boxes(mask).tolist() == [[0, 0, 0.25, 0.5], [0.75, 0.5, 1, 1]]
    assert find_boxes(np.zeros((4, 4), np.uint8)).shape == (0, 4)


def test_packed_masks_come_out_as_they_went_in() -> None:
    rng = np.random.default_rng(1)
    made = {("a", str(n)): (rng.random((9, 9)) < 0.5).astype(np.uint8) for n in range(5)}
    masks = Masks({key: encode(mask) for key, mask in made.items()})
    packed = masks.at(list(made), 9)
    np.testing.assert_array_equal(packed[1:4].numpy(), np.stack(list(made.values())[1:4]).astype(bool))
    assert masks.at([], 9)[0:5].shape == (0, 9, 9)
