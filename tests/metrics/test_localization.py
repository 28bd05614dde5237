import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.metrics.localization import (
    BOUNDED,
    aggregate,
    dead_maps,
    energy_in_box,
    energy_ratio,
    localization_scores,
    pointing_game,
)


def test_scores_of_one_map_by_hand() -> None:
    # 2×4 pixels, box = left half (4 pixels); region H ≥ .5 = columns 1–2 of the first row
    heatmap = torch.tensor([[[0.1, 1.0, 0.6, 0.0], [0.2, 0.0, 0.1, 0.0]]])
    scores = localization_scores(heatmap, torch.tensor([[0.0, 0, 2, 2]]))
    assert scores["pointing"].item() == 1
    assert scores["energy"].item() == pytest.approx(1.3 / 2.0)
    assert scores["energy_ratio"].item() == pytest.approx(0.65 / 0.5)
    assert scores["region_box"].tolist() == [[1, 0, 3, 1]]
    assert scores["iou"].item() == pytest.approx(1 / (2 + 4 - 1))
    assert scores["iobb"].item() == pytest.approx(1 / 2)
    assert scores["mask_iou"].item() == pytest.approx(1 / 5)
    assert not scores["dead"].item()


def test_ties_share_the_pointing_score() -> None:
    heatmap = torch.tensor([[[1.0, 1 - 5e-7, 1 - 1e-4, 0.0]]])
    left = torch.tensor([[[True, False, False, False]]])
    assert pointing_game(heatmap, left).item() == 0.5
    assert pointing_game(heatmap, ~left).item() == 0.5


def test_even_map_has_the_energy_of_the_area() -> None:
    mask = torch.tensor([[[True, False, False, False]]])
    even = torch.full((1, 1, 4), 0.3)
    assert energy_in_box(even, mask).item() == pytest.approx(0.25)
    assert energy_ratio(even, mask).item() == pytest.approx(1)


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan, math.inf])
def test_dead_maps_answer_nothing(value: float) -> None:
    heatmap = torch.full((1, 4, 4), value)
    box = torch.tensor([[0.0, 0, 1, 1]])  # where the argmax of a zero map would be
    scores = localization_scores(heatmap, box)
    assert scores["dead"].tolist() == [True]
    assert all(scores[name].isnan().all() for name in (*BOUNDED, "energy_ratio", "region_box"))


def test_one_bad_pixel_kills_a_map() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        heatmap = torch.rand(1, 4, 4)
        heatmap[0, 2, 2] = bad
        assert dead_maps(heatmap).item()


def test_live_map_below_the_threshold_detects_nothing() -> None:
    scores = localization_scores(torch.tensor([[[0.1, 0.4]]]), torch.tensor([[0.0, 0, 1, 1]]))
    assert (scores["iou"].item(), scores["mask_iou"].item(), scores["dead"].item()) == (0, 0, False)
    assert scores["iobb"].isnan().all()


def test_several_boxes_best_for_iou_union_for_the_rest() -> None:
    heatmap = torch.tensor([[[1.0, 0, 0, 1.0], [0, 0, 0, 0]]]) * torch.tensor([1.0, 1, 1, 0.5])
    boxes = torch.tensor([[0.0, 0, 1, 1], [3, 0, 4, 1]])
    scores = localization_scores(heatmap, [boxes], threshold=0.6)
    assert [scores[name].item() for name in ("pointing", "energy", "iou", "iobb", "mask_iou")] == [1, 1, 1, 1, 0.5]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["all", "largest"]))
def test_scores_are_bounded_and_agree_with_slow_loops(seed: int, rule: str) -> None:
    rng = np.random.default_rng(seed)
    heatmaps = rng.random((3, 6, 9)).astype(np.float32) ** 3
    x, y = np.sort(rng.uniform(0, [[9], [6]], (2, 2)), axis=1)
    box = torch.tensor([[x[0], y[0], x[1], y[1]]], dtype=torch.float32)
    scores = localization_scores(torch.from_numpy(heatmaps), box.expand(3, 4), rule=rule)
    for name in BOUNDED:
        defined = scores[name][~scores[name].isnan()]
        assert ((defined >= 0) & (defined <= 1)).all()
    center_in = (
        (np.arange(9)[None] + 0.5 >= x[0])
        & (np.arange(9)[None] + 0.5 < x[1])
        & (np.arange(6)[:, None] + 0.5 >= y[0])
        & (np.arange(6)[:, None] + 0.5 < y[1])
    )
    if center_in.any():
        for m, heatmap in enumerate(heatmaps):
            assert scores["pointing"][m] == center_in[np.unravel_index(heatmap.argmax(), heatmap.shape)]
            assert scores["energy"][m].item() == pytest.approx(heatmap[center_in].sum() / heatmap.sum(), abs=1e-5)


def test_empty_batch_gives_empty_scores() -> None:
    scores = localization_scores(torch.zeros(0, 4, 4), torch.zeros(0, 4))
    assert {tuple(score.shape) for score in scores.values()} == {(0,), (0, 4)}


def test_aggregates_say_what_they_do_with_dead_maps() -> None:
    nan = math.nan
    scores = {
        "iou": torch.tensor([0.4, nan, 0.2]),
        "iobb": torch.tensor([nan, nan, 0.6]),  # the first is live but detects nothing
        "energy_ratio": torch.tensor([3.0, nan, 1.0]),
        "region_box": torch.zeros(3, 4),
    }
    dead = torch.tensor([False, True, False])
    everything, live = aggregate(scores, dead, "all"), aggregate(scores, dead, "live")
    assert everything["iou"] == (pytest.approx(0.2), 3)
    assert everything["iobb"] == (pytest.approx(0.2), 3)
    assert live["iou"] == (pytest.approx(0.3), 2)
    assert live["iobb"] == (pytest.approx(0.6), 1)
    assert everything["energy_ratio"] == live["energy_ratio"] == (2.0, 2)
    assert "region_box" not in everything
    assert aggregate({"iou": torch.tensor([nan])}, torch.tensor([True]), "live")["iou"][1] == 0


def test_marked_pixels_take_the_place_of_the_box() -> None:
    """By hand: a map whose evidence lies in the box, a third of it on marked pixels; the box still gives the IoU."""
    heatmap = torch.tensor([[[1.0, 0.5, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    boxes, mask = [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], torch.zeros(1, 3, 3, dtype=torch.bool)
    mask[0, 0, 1] = mask[0, 1, 1] = True
    plain, marked = (localization_scores(heatmap, boxes, mask=given) for given in (None, mask))
    assert (plain["pointing"].item(), marked["pointing"].item()) == (1, 0)
    assert (plain["energy"].item(), marked["energy"].item()) == (1, 0.25)
    assert marked["energy_ratio"].item() == pytest.approx(0.25 / (2 / 9))
    assert marked["mask_iou"].item() == pytest.approx(1 / 4), "three pixels at half the maximum, two marked, one shared"
    assert marked["iou"] == plain["iou"] == 1
