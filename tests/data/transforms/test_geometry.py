"""Pixels, boxes and masks move together."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cxr_xai.data.transforms.geometry import (
    invert,
    make_affine,
    make_identity,
    warp_boxes,
    warp_images,
    warp_masks,
)

SIZE = 64


def affine(
    degrees: float = 0.0, x: float = 0.0, y: float = 0.0, scale: float = 1.0, shear: float = 0.0, flip: bool = False
) -> Tensor:
    turn, factor, lean = (torch.tensor([value]) for value in (degrees, scale, shear))
    return make_affine(turn, torch.tensor([[x, y]]), factor, lean, torch.tensor([flip]))


def center_of_mass(image: Tensor) -> Tensor:
    """(x, y) in pixel coordinates, where the center of the first pixel is 0.5."""
    places = torch.arange(image.shape[-1]) + 0.5
    total = image.sum()
    return torch.stack([(image.sum(-2) * places).sum() / total, (image.sum(-1) * places).sum() / total])


matrices = st.builds(
    affine,
    st.floats(-45, 45),
    st.floats(-0.1, 0.1),
    st.floats(-0.1, 0.1),
    st.floats(0.8, 1.2),
    st.floats(-10, 10),
    st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(matrix=matrices, x=st.integers(20, 38), y=st.integers(20, 38), w=st.integers(3, 8))
def test_a_bright_rectangle_goes_where_its_box_goes(matrix: Tensor, x: int, y: int, w: int) -> None:
    image = torch.zeros(1, 1, SIZE, SIZE)
    image[..., y : y + 5, x : x + w] = 1
    box = warp_boxes(torch.tensor([[x, y, x + w, y + 5.0]]), matrix, SIZE)[0]
    moved = warp_images(image, matrix)[0, 0]
    torch.testing.assert_close(center_of_mass(moved), (box[:2] + box[2:]) / 2, rtol=0, atol=0.15)
    inside = warp_masks(image.bool(), matrix)[0, 0]
    for found, reach in ((moved > 0.01, 1.5), (inside, 0.51)):
        # A mask's pixel belongs to it if its center does: half a pixel beyond the edge. Images are blurred besides, by
        # a pixel of the film, which shear and scale make larger.
        rows, columns = torch.where(found)
        assert columns.min() >= box[0] - reach
        assert columns.max() + 1 <= box[2] + reach
        assert rows.min() >= box[1] - reach
        assert rows.max() + 1 <= box[3] + reach


def test_positive_degrees_turn_counter_clockwise() -> None:
    image = torch.zeros(1, 1, 4, 4)
    image[..., 0, 3] = 1  # upper right
    turned = warp_images(image, affine(90.0))
    assert turned[0, 0].round().nonzero().tolist() == [[0, 0]]  # upper left
    torch.testing.assert_close(turned, torch.rot90(image, 1, (2, 3)), atol=1e-5, rtol=0)


def test_a_flip_is_left_right_and_exact() -> None:
    image = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(warp_images(image, affine(flip=True)), image.flip(-1), atol=1e-6, rtol=0)
    assert warp_boxes(torch.tensor([[0.0, 1, 2, 3]]), affine(flip=True), 8).tolist() == [[6, 1, 8, 3]]


def test_the_flip_comes_after_the_rotation_and_before_the_translation() -> None:
    image = torch.zeros(1, 1, 4, 4)
    image[..., 0, 3] = 1
    assert warp_images(image, affine(90.0, flip=True))[0, 0].round().nonzero().tolist() == [[0, 3]]
    assert warp_images(image, affine(90.0, x=-0.25, flip=True))[0, 0].round().nonzero().tolist() == [[0, 2]]


def test_a_translation_is_right_and_down_in_shares_of_the_side() -> None:
    image = torch.rand(1, 1, 8, 8)
    moved = warp_images(image, affine(x=0.25, y=0.125))
    torch.testing.assert_close(moved[..., 1:, 2:], image[..., :-1, :-2], atol=1e-6, rtol=0)
    assert moved[..., 0, :].sum() == moved[..., :2].sum() == 0
    box = warp_boxes(torch.tensor([[1.0, 1, 3, 4]]), affine(x=0.25, y=0.125), 8)
    torch.testing.assert_close(box, torch.tensor([[3.0, 2, 5, 5]]))


def test_a_scale_above_one_enlarges_about_the_center() -> None:
    box = warp_boxes(torch.tensor([[24.0, 28, 32, 40]]), affine(scale=2), SIZE)
    torch.testing.assert_close(box, torch.tensor([[16.0, 24, 32, 48]]))


def test_a_shear_leans_verticals_by_its_angle() -> None:
    moved = affine(shear=45)[0] @ torch.tensor([[0.0, 0, 0.5], [1, -1, 0], [1, 1, 1]])
    torch.testing.assert_close(moved.T, torch.tensor([[1.0, 1], [-1, -1], [0.5, 0]]))


def test_nothing_drawn_nothing_moved() -> None:
    image = torch.rand(2, 1, 8, 8)
    assert torch.equal(affine(), make_identity(1))
    torch.testing.assert_close(warp_images(image, make_identity(2)), image, atol=1e-6, rtol=0)


@given(matrix=matrices)
def test_the_inverse_leads_back(matrix: Tensor) -> None:
    back = invert(matrix)
    product = back[:, :, :2] @ matrix[:, :, :2]
    torch.testing.assert_close(product, torch.eye(2)[None], atol=1e-5, rtol=0)
    torch.testing.assert_close(invert(back), matrix, atol=1e-5, rtol=0)


def test_the_inverse_of_a_shift() -> None:
    matrix = torch.tensor([[[2.0, 0, 0.5], [0, 1, -0.25]]])
    assert invert(matrix).tolist() == [[[0.5, 0, -0.25], [0, 1, 0.25]]]


@settings(deadline=None, max_examples=20)
@given(matrix=matrices, height=st.integers(5, 9), width=st.integers(5, 9))
def test_images_are_sampled_as_torch_does(matrix: Tensor, height: int, width: int) -> None:
    image = torch.rand(1, 2, height, width)
    grid = F.affine_grid(invert(matrix), [1, 2, height, width], align_corners=False)
    expected = F.grid_sample(image, grid, align_corners=False)
    torch.testing.assert_close(warp_images(image, matrix), expected, atol=1e-5, rtol=0)


def test_outside_the_film_is_black() -> None:
    turned = warp_images(torch.ones(1, 1, 32, 32), affine(45.0))
    assert turned[0, 0, 0, 0] == 0
    assert turned[0, 0, 16, 16] == 1


def test_a_box_that_leaves_the_film_is_clipped() -> None:
    box = warp_boxes(torch.tensor([[0.0, 0, 64, 64]]), affine(45.0), SIZE)
    assert box.tolist() == [[0, 0, 64, 64]]


def test_each_image_has_its_own_matrix() -> None:
    images = torch.rand(1, 1, 16, 16).expand(2, -1, -1, -1)
    moved = warp_images(images, torch.cat([affine(), affine(180.0)]))
    torch.testing.assert_close(moved[1], moved[0].flip(-1, -2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("degrees", [90.0, 180.0, 270.0])
def test_quarter_turns_keep_the_area_of_a_box(degrees: float) -> None:
    box = warp_boxes(torch.tensor([[10.0, 20, 30, 25]]), affine(degrees), SIZE)[0]
    torch.testing.assert_close((box[2] - box[0]) * (box[3] - box[1]), torch.tensor(100.0), atol=1e-2, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_masks_keep_their_labels(dtype: torch.dtype) -> None:
    masks = torch.randint(0, 2 if dtype == torch.bool else 15, (1, 3, 32, 32)).to(dtype)
    moved = warp_masks(masks, affine(20, 0.1, 0, 1.1, 5))
    assert moved.dtype == dtype
    assert set(moved.unique().tolist()) <= set(masks.unique().tolist()) | {0}
    assert torch.equal(warp_masks(masks, affine(90)), torch.rot90(masks, 1, (2, 3)))
