from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import interpolate

from cxr_xai.errors import UserError
from cxr_xai.metrics.ceiling import energy_ceiling, iou_ceiling
from cxr_xai.metrics.localization import localization_scores
from cxr_xai.metrics.region import region, region_box

BOX_LIST = Path(__file__).parents[2] / "../shared/nih-chestxray14/BBox_List_2017.csv"


def resize_to(size: int, mode: str = "bilinear") -> Callable[[Tensor], Tensor]:
    options = {} if mode == "nearest" else {"align_corners": False}
    return lambda maps: interpolate(maps[:, None], size=(size, size), mode=mode, **options)[:, 0]


def normalized(maps: Tensor) -> Tensor:
    return maps.clamp(min=0) / maps.amax((1, 2), keepdim=True)


def random_box(rng: np.random.Generator, size: int) -> Tensor:
    x, y = np.sort(rng.random((2, 2)) * size, axis=1)
    return torch.tensor([[x[0], y[0], x[1] + 0.5, y[1] + 0.5]], dtype=torch.float32)


def random_maps(rng: np.random.Generator, n: int, grid: int) -> Tensor:
    """Dense, sparse, peaked and smooth non-negative maps with maximum 1."""
    maps = rng.random((n, grid, grid))
    maps[: n // 4] *= rng.random((n // 4, grid, grid)) < 0.1
    maps[n // 4 : n // 2] **= rng.uniform(0.2, 8, size=(n // 2 - n // 4, 1, 1))
    row, col = np.mgrid[:grid, :grid]
    a, b, s, t = rng.uniform([[0], [0], [0.3], [0.3]], [[grid], [grid], [grid], [grid]], (4, n - n // 2))[
        ..., None, None
    ]
    maps[n // 2 :] = np.exp(-(((row - a) / s) ** 2) - ((col - b) / t) ** 2)
    return normalized(torch.from_numpy(maps).float() + 1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), grid=st.integers(1, 8), threshold=st.sampled_from([0.2, 0.5, 0.8]))
def test_no_random_map_beats_the_ceiling(seed: int, grid: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    size, maps = 48, 64
    boxes = [torch.cat([random_box(rng, size) for _ in range(rng.integers(1, 3))]) for _ in range(maps)]
    resize = resize_to(size)
    scores = localization_scores(resize(random_maps(rng, maps, grid)), boxes, threshold)
    iou = iou_ceiling(boxes, (size, size), (grid, grid), resize, threshold)
    energy = energy_ceiling(boxes, (size, size), (grid, grid), resize)
    live = ~scores["dead"]
    assert (scores["iou"] <= iou + 1e-5)[live].all()
    assert (scores["energy"] <= energy + 1e-5)[live].all()


def axis_profile(low: float, high: float, nodes: int, size: int, peak: int, threshold: float) -> Tensor:
    """Node values whose interpolation is at least the threshold on pixels ``[low, high)``, wherever that can be."""
    cell = size / nodes
    at = (torch.arange(nodes) + 0.5) * cell - 0.5
    values = ((at > low - 0.5) & (at < high - 0.5)).float()
    values[peak] = 1
    inside = torch.nonzero(values).ravel()
    for last, step, edge in ((int(inside[-1]), 1, high - 0.75), (int(inside[0]), -1, low - 0.25)):
        if 0 <= last + step < nodes:
            t = abs(edge - float(at[last])) / cell
            if t > 1 - threshold:
                values[last + step] = max(0.0, 1 - (1 - threshold) / t)
            elif last != peak:
                values[last] = min(1.0, threshold / (1 - t))
    return values


def constructed_maps(box: Tensor, grid: int, size: int, threshold: float = 0.5) -> Tensor:
    """One product map per node: its tight box is the given box, widened to hold the node's own one-hot region."""
    resize = resize_to(size)
    nodes = torch.eye(grid * grid).view(-1, grid, grid)
    cores = region_box(region(resize(nodes), threshold))
    maps = []
    half = size // grid // 2  # within half a cell of the border bilinear maps are constant
    bendable = torch.tensor([0.0, *range(half, size - half + 1), size])
    for k, core in enumerate(cores):
        low = torch.minimum(bendable[(bendable[:, None] - box[0, :2]).abs().argmin(0)], core[:2]).tolist()
        high = torch.maximum(bendable[(bendable[:, None] - box[0, 2:]).abs().argmin(0)], core[2:]).tolist()
        across = axis_profile(low[0], high[0], grid, size, k % grid, threshold + 1e-3)
        # no pixel lies on a node, so one axis never quite reaches 1: the other has to make up for it
        top = float(interpolate(across[None, None], size=size, mode="linear", align_corners=False).max())
        down = axis_profile(low[1], high[1], grid, size, k // grid, (threshold + 1e-3) / top)
        top = float(interpolate(down[None, None], size=size, mode="linear", align_corners=False).max())
        across = axis_profile(low[0], high[0], grid, size, k % grid, (threshold + 1e-3) / top)
        maps.append(down[:, None] * across[None, :])
    return torch.stack(maps)


@pytest.mark.parametrize("grid", [4, 7])
def test_constructed_maps_reach_the_ceiling_and_do_not_beat_it(grid: int) -> None:
    rng = np.random.default_rng(0)
    size, resize = 112, resize_to(112)
    boxes = [random_box(rng, size) for _ in range(25)]
    ceiling = iou_ceiling(boxes, (size, size), (grid, grid), resize)
    reached = torch.stack(
        [
            localization_scores(resize(maps), box.expand(len(maps), 4))["iou"].nan_to_num(0).max()
            for box in boxes
            for maps in [constructed_maps(box, grid, size)]
        ]
    )
    assert (reached <= ceiling + 1e-5).all()
    assert (ceiling - reached).mean() < 0.005


def test_climbing_maps_do_not_beat_the_ceiling() -> None:
    rng = np.random.default_rng(1)
    size, grid, climbers = 56, 7, 128
    resize = resize_to(size)
    for box in (torch.tensor([[10.0, 12, 33, 30]]), torch.tensor([[40.2, 3.7, 47.9, 13.1]])):
        ceiling = iou_ceiling(box, (size, size), (grid, grid), resize)
        best = torch.cat([constructed_maps(box, grid, size), random_maps(rng, climbers - grid**2, grid)])
        score = torch.zeros(climbers)
        for _ in range(40):
            noise = torch.from_numpy(rng.normal(0, 0.3, best.shape) * (rng.random(best.shape) < 0.1)).float()
            tried = normalized((best + noise).clamp(min=0) + 1e-9)
            got = localization_scores(resize(tried), box.expand(climbers, 4))["iou"]
            better = got > score
            best[better], score[better] = tried[better], got[better]
        assert score.max() <= ceiling + 1e-5
        assert score.max() > ceiling - 0.05


def test_ceiling_of_one_node_is_worked_out_by_hand() -> None:
    # a 1×1 grid can only give the whole image (constant), here 4×4 = 16 pixels
    box = torch.tensor([[0.0, 0, 2, 2]])
    assert iou_ceiling(box, (4, 4), (1, 1), resize_to(4)).item() == 4 / 16
    assert energy_ceiling(box, (4, 4), (1, 1), resize_to(4)).item() == 4 / 16


def test_ceiling_on_whole_cells_is_worked_out_by_hand() -> None:
    # 2×2 cells of 2×2 pixels; the box holds 1 pixel of one cell
    box = torch.tensor([[1.0, 1, 2, 2]])
    resize = resize_to(4, "nearest")
    assert iou_ceiling(box, (4, 4), (2, 2), resize).item() == 0.25
    assert energy_ceiling(box, (4, 4), (2, 2), resize).item() == 0.25


def test_best_of_several_boxes_for_iou_and_their_union_for_energy() -> None:
    box = torch.tensor([[1.0, 1, 2, 2], [2, 2, 4, 4]])
    resize = resize_to(4, "nearest")
    assert iou_ceiling([box], (4, 4), (2, 2), resize).tolist() == [1.0]
    halves = torch.tensor([[0.0, 0, 2, 1], [0, 1, 1, 2]])  # together 3 of the 4 pixels of a cell
    assert energy_ceiling([halves], (4, 4), (2, 2), resize).tolist() == [0.75]


def test_identity_grid_has_no_ceiling_but_the_pixels() -> None:
    box = torch.tensor([[1.0, 2, 5, 4], [0.5, 0, 2, 2]])
    # whole-pixel box: 1; the half-pixel one, 1.5 by 2: 3 / 4 as [0, 2), or 2 / 3 as [1, 2)
    assert iou_ceiling(box, (6, 6), (6, 6), lambda maps: maps).tolist() == [1.0, 0.75]


def test_unreachable_threshold_binds_nothing() -> None:
    box = torch.tensor([[1.0, 1, 3, 3]])
    resize = resize_to(4)
    assert iou_ceiling(box, (4, 4), (2, 2), lambda maps: resize(maps) * 0.9, 0.95).item() == 1.0


def test_wrong_resize_and_missing_box_are_said() -> None:
    with pytest.raises(UserError, match="resize gave"):
        iou_ceiling(torch.zeros(1, 4), (8, 8), (2, 2), resize_to(4))
    with pytest.raises(UserError, match="has no box"):
        energy_ceiling([torch.zeros(0, 4)], (8, 8), (2, 2), resize_to(8))


@pytest.mark.skipif(not BOX_LIST.exists(), reason="the published box list is not here")
def test_share_of_real_boxes_within_reach_of_a_7x7_grid() -> None:
    xywh = torch.from_numpy(pd.read_csv(BOX_LIST).iloc[:, 2:6].to_numpy(dtype=np.float32))
    boxes = torch.cat([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], dim=1) * (224 / 1024)
    ceiling = iou_ceiling(boxes, (224, 224), (7, 7), resize_to(224))
    assert (ceiling >= 0.5).float().mean().item() == pytest.approx(0.763, abs=0.002)


@pytest.mark.parametrize("separable", [True, False])
def test_the_energy_on_marked_pixels_has_a_ceiling_of_its_own(separable: bool) -> None:
    """Random maps stay below it, and the best one-hot map reaches it, however rows and columns are resized."""
    rng, size, grid = np.random.default_rng(3), 24, 4
    plain = resize_to(size)

    def blurred(maps: Tensor) -> Tensor:  # mixes rows with columns: no profiles
        wide = plain(maps)
        return (wide + wide.roll((1, 1), (1, 2))) / 2

    resize = plain if separable else blurred
    masks = torch.from_numpy(rng.random((5, size, size)) < 0.2)
    boxes = torch.tensor([[0.0, 0.0, 24.0, 24.0]]).expand(5, 4)
    ceiling = energy_ceiling(boxes, (size, size), (grid, grid), resize, masks)
    scores = localization_scores(resize(random_maps(rng, 5, grid)), boxes, mask=masks)
    assert (scores["energy"] <= ceiling + 1e-5).all()
    one_hot = torch.eye(grid * grid).view(-1, grid, grid)
    for mask, best in zip(masks, ceiling, strict=True):
        wide = resize(one_hot)
        assert ((wide * mask).sum((1, 2)) / wide.sum((1, 2))).max() == pytest.approx(best.item(), abs=1e-5)
