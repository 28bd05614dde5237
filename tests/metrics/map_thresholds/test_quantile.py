import math

import pytest
import torch

from cxr_xai.metrics.map_thresholds.quantile import quantile_threshold
from cxr_xai.metrics.region import region


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_share_is_kept_where_values_differ(share: float) -> None:
    maps = torch.rand(4, 20, 20, generator=torch.Generator().manual_seed(0))
    found = region(maps, quantile_threshold(maps, share))
    assert found.flatten(1).sum(1).tolist() == [round(400 * share)] * 4


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_map_that_is_mostly_one_value_does_not_take_the_whole_image(level: float) -> None:
    maps = torch.full((1, 10, 10), level)
    maps[0, 0, :3] = torch.tensor([0.6, 0.8, 1.0])  # 3 of 100 pixels stand out
    assert region(maps, quantile_threshold(maps, 0.1)).sum() == 3


def test_a_plateau_at_the_top_is_kept_whole() -> None:
    maps = torch.zeros(1, 1, 10)
    maps[0, 0, :4] = 1
    assert quantile_threshold(maps, 0.1).item() == 1
    assert region(maps, quantile_threshold(maps, 0.1)).sum() == 4


def test_dead_maps_have_no_threshold_and_no_region() -> None:
    maps = torch.stack([torch.zeros(4, 4), torch.full((4, 4), math.nan)])
    assert quantile_threshold(maps).isnan().all()
    assert not region(maps, quantile_threshold(maps)).any()
