import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_iou as torchvision_box_iou

from cxr_xai.errors import UserError
from cxr_xai.metrics.region import box_iobb, box_iou, mask_iou, rasterize_boxes, region, region_box


def test_pixel_belongs_to_a_box_if_its_center_does() -> None:
    # centers .5 1.5 2.5: [0.5, 2.5) holds the first two
    mask = rasterize_boxes(torch.tensor([[0.5, 0.0, 2.5, 1.0]]), (2, 3))
    assert mask.int().tolist() == [[[1, 1, 0], [0, 0, 0]]]


def test_box_without_a_center_takes_the_pixel_around_its_own() -> None:
    thin = torch.tensor([[1.6, 0.2, 1.9, 1.8]])  # two pixel rows, but between two pixel columns
    assert rasterize_boxes(thin, (2, 3)).int().tolist() == [[[0, 0, 0], [0, 1, 0]]]


def test_box_outside_the_image_takes_nothing() -> None:
    assert not rasterize_boxes(torch.tensor([[5.0, 5.0, 5.1, 5.1]]), (2, 3)).any()


def test_several_boxes_are_united() -> None:
    boxes = [torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[0.0, 0, 1, 2], [1, 1, 3, 2]])]
    assert rasterize_boxes(boxes, (2, 3)).int().tolist() == [[[1, 0, 0], [0, 0, 0]], [[1, 0, 0], [1, 1, 1]]]


def test_map_without_a_box_is_refused() -> None:
    with pytest.raises(UserError, match="map 1 of 2 has no box"):
        rasterize_boxes([torch.zeros(1, 4), torch.zeros(0, 4)], (2, 2))


def test_region_never_takes_zeros() -> None:
    assert region(torch.tensor([[[0.0, 0.3, 0.5]]]), threshold=0.0).tolist() == [[[False, True, True]]]
    assert region(torch.tensor([[[0.0, 0.3, 0.5]]])).tolist() == [[[False, False, True]]]


def test_largest_component_is_4_connected_and_the_first_of_equals() -> None:
    heatmap = torch.tensor([[[1.0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 1, 1]], [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]])
    kept = region(torch.cat([heatmap, torch.zeros(1, 3, 4)]), rule="largest")
    assert region_box(kept)[:2].tolist() == [[2, 1, 4, 3], [0, 0, 1, 1]]
    assert not kept[2].any()
    assert region_box(region(heatmap))[0].tolist() == [0, 0, 4, 3]


def test_box_of_an_empty_region_is_undefined() -> None:
    assert region_box(torch.zeros(1, 3, 3, dtype=torch.bool)).isnan().all()


boxes = st.tuples(*[st.floats(0, 30, width=32)] * 2, *[st.floats(0.5, 30, width=32)] * 2).map(
    lambda b: torch.tensor([b[0], b[1], b[0] + b[2], b[1] + b[3]])
)


@settings(deadline=None)
@given(a=boxes, b=boxes)
def test_box_iou_agrees_with_torchvision(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(box_iou(a, b), torchvision_box_iou(a[None], b[None])[0, 0], atol=1e-6, rtol=1e-5)
    assert box_iou(a, b) <= box_iobb(a, b) + 1e-6


def test_overlaps_by_hand() -> None:
    a, b = torch.tensor([0.0, 0, 4, 2]), torch.tensor([2.0, 1, 6, 3])
    assert box_iou(a, b).item() == pytest.approx(2 / 14)
    assert box_iobb(a, b).item() == pytest.approx(2 / 8)
    assert box_iou(a, a + 10).item() == 0
    assert box_iobb(torch.full((4,), torch.nan), a).isnan()


def test_mask_iou_by_hand() -> None:
    found = torch.tensor([[[True, True, False]], [[False, False, False]]])
    mask = torch.tensor([[[False, True, True]], [[False, False, False]]])
    assert mask_iou(found, mask)[0].item() == pytest.approx(1 / 3)
    assert mask_iou(found, mask)[1].isnan()


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_box_of_a_whole_pixel_box_is_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x1, y1 = rng.integers(0, 8, size=2)
    box = torch.tensor([[x1, y1, rng.integers(x1, 8) + 1, rng.integers(y1, 8) + 1]]).float()
    assert region_box(rasterize_boxes(box, (8, 8))).equal(box)
