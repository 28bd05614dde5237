"""Pixels and boxes move together."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cxr_xai.data.transforms.geometry import invert, make_rotation, warp_boxes, warp_images

SIZE = 64


def rotation(degrees: float, flip: bool = False) -> Tensor:
    return make_rotation(torch.tensor([degrees]), torch.tensor([flip]))


def center_of_mass(image: Tensor) -> Tensor:
    """(x, y) in pixel coordinates, where the center of the first pixel is 0.5."""
    places = torch.arange(image.shape[-1]) + 0.5
    total = image.sum()
    return torch.stack([(image.sum(-2) * places).sum() / total, (image.sum(-1) * places).sum() / total])


@settings(deadline=None, max_examples=60)
@given(
    degrees=st.floats(-45, 45), flip=st.booleans(), x=st.integers(20, 38), y=st.integers(20, 38), w=st.integers(3, 8)
)
def test_a_bright_rectangle_goes_where_its_box_goes(degrees: float, flip: bool, x: int, y: int, w: int) -> None:
    image = torch.zeros(1, 1, SIZE, SIZE)
    image[..., y : y + 5, x : x + w] = 1
    matrix = rotation(degrees, flip)
    box = warp_boxes(torch.tensor([[x, y, x + w, y + 5.0]]), matrix, SIZE)[0]
    moved = warp_images(image, matrix)[0, 0]
    torch.testing.assert_close(center_of_mass(moved), (box[:2] + box[2:]) / 2, rtol=0, atol=0.1)
    rows, columns = torch.where(moved > 0.01)
    # Blur adds half a pixel to each side of the rectangle, at most √½ once turned; pixel centers add another half.
    reach = 0.5**0.5 + 0.5
    assert columns.min() >= box[0] - reach
    assert columns.max() + 1 <= box[2] + reach
    assert rows.min() >= box[1] - reach
    assert rows.max() + 1 <= box[3] + reach


def test_positive_degrees_turn_counter_clockwise() -> None:
    image = torch.zeros(1, 1, 4, 4)
    image[..., 0, 3] = 1  # upper right
    turned = warp_images(image, rotation(90.0))
    assert turned[0, 0].round().nonzero().tolist() == [[0, 0]]  # upper left
    torch.testing.assert_close(turned, torch.rot90(image, 1, (2, 3)), atol=1e-5, rtol=0)


def test_a_flip_is_left_right_and_exact() -> None:
    image = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(warp_images(image, rotation(0.0, flip=True)), image.flip(-1), atol=1e-6, rtol=0)
    assert warp_boxes(torch.tensor([[0.0, 1, 2, 3]]), rotation(0.0, flip=True), 8).tolist() == [[6, 1, 8, 3]]


def test_the_flip_comes_after_the_rotation() -> None:
    image = torch.zeros(1, 1, 4, 4)
    image[..., 0, 3] = 1
    assert warp_images(image, rotation(90.0, flip=True))[0, 0].round().nonzero().tolist() == [[0, 3]]


def test_nothing_drawn_nothing_moved() -> None:
    image = torch.rand(2, 1, 8, 8)
    matrices = make_rotation(torch.zeros(2), torch.zeros(2, dtype=torch.bool))
    torch.testing.assert_close(warp_images(image, matrices), image, atol=1e-6, rtol=0)


@given(degrees=st.floats(-180, 180), flip=st.booleans())
def test_the_inverse_leads_back(degrees: float, flip: bool) -> None:
    matrix = rotation(degrees, flip)
    back = invert(matrix)
    product = back[:, :, :2] @ matrix[:, :, :2]
    torch.testing.assert_close(product, torch.eye(2)[None], atol=1e-5, rtol=0)
    torch.testing.assert_close(invert(back), matrix, atol=1e-5, rtol=0)


def test_the_inverse_of_a_shift() -> None:
    matrix = torch.tensor([[[2.0, 0, 0.5], [0, 1, -0.25]]])
    assert invert(matrix).tolist() == [[[0.5, 0, -0.25], [0, 1, 0.25]]]


def test_outside_the_film_is_black() -> None:
    turned = warp_images(torch.ones(1, 1, 32, 32), rotation(45.0))
    assert turned[0, 0, 0, 0] == 0
    assert turned[0, 0, 16, 16] == 1


def test_a_box_that_leaves_the_film_is_clipped() -> None:
    box = warp_boxes(torch.tensor([[0.0, 0, 64, 64]]), rotation(45.0), SIZE)
    assert box.tolist() == [[0, 0, 64, 64]]


def test_each_image_has_its_own_matrix() -> None:
    images = torch.rand(1, 1, 16, 16).expand(2, -1, -1, -1)
    matrices = make_rotation(torch.tensor([0.0, 180.0]), torch.tensor([False, False]))
    moved = warp_images(images, matrices)
    torch.testing.assert_close(moved[1], moved[0].flip(-1, -2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("degrees", [90.0, 180.0, 270.0])
def test_quarter_turns_keep_the_area_of_a_box(degrees: float) -> None:
    box = warp_boxes(torch.tensor([[10.0, 20, 30, 25]]), rotation(degrees), SIZE)[0]
    torch.testing.assert_close((box[2] - box[0]) * (box[3] - box[1]), torch.tensor(100.0), atol=1e-2, rtol=0)
