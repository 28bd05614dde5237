"""From raw attributions to maps that can be shown."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.heatmap import make_heatmap, resize_heatmaps

NAN, INF = torch.nan, torch.inf


def test_relu_over_max_never_min_max() -> None:
    raw = torch.tensor([[-4.0, 1.0], [2.0, 4.0]])
    assert make_heatmap(raw).tolist() == [[0, 0.25], [0.5, 1]]


@pytest.mark.parametrize("raw", [[0.0, 0], [-1, -2], [NAN, 1], [NAN, NAN], [INF, 1], [-0.0, -1e-30]])
def test_dead_maps_are_nan(raw: list[float]) -> None:
    assert make_heatmap(torch.tensor([raw])).isnan().all()


def test_dead_and_live_maps_in_one_batch() -> None:
    maps = make_heatmap(torch.tensor([[[-1.0, 0.0]], [[1.0, 2.0]], [[NAN, 3.0]]]))
    assert maps.isnan().flatten(1).all(1).tolist() == [True, False, True]
    assert maps[1].tolist() == [[0.5, 1.0]]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=12), st.floats(1e-3, 1e3))
def test_between_zero_and_one_and_blind_to_scale(values: list[float], scale: float) -> None:
    raw = torch.tensor([values])
    heatmap = make_heatmap(raw)
    if heatmap.isnan().any():
        positive = raw.clamp(min=0)
        assert positive.min() >= positive.max() * (1 - 1e-6), "nothing above 0, or the same everywhere"
        return
    assert heatmap.min() >= 0
    assert heatmap.max() == 1
    if raw.max() > 1e-30:
        torch.testing.assert_close(make_heatmap(raw * scale), heatmap, atol=1e-6, rtol=1e-5)


def test_bfloat16_maps_become_float32() -> None:
    assert make_heatmap(torch.ones(1, 2, 2, dtype=torch.bfloat16)).dtype == torch.float32


def test_resizing_is_bilinear_between_cell_centers() -> None:
    # Two cells of 4 pixels each: their centers lie at 2 and 6, pixel centers at 0.5, 1.5, …
    row = resize_heatmaps(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 8)[0, 0]
    torch.testing.assert_close(row, torch.tensor([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]))


def test_dead_maps_stay_dead_and_others_are_not_infected() -> None:
    maps = resize_heatmaps(torch.stack([torch.full((2, 2), NAN), torch.ones(2, 2)]), 5)
    assert maps.shape == (2, 5, 5)
    assert maps[0].isnan().all()
    assert (maps[1] == 1).all()
