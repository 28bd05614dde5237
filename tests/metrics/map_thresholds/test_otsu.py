import numpy as np
import pytest
import torch

from cxr_xai.metrics.map_thresholds.otsu import otsu_threshold
from cxr_xai.metrics.region import region


def test_two_groups_are_divided_between_them() -> None:
    maps = torch.tensor([[[0.1, 0.1, 0.12, 0.9, 0.95, 1.0]]])
    assert region(maps, otsu_threshold(maps)).tolist() == [[[False] * 3 + [True] * 3]]


def test_as_scikit_image_has_it() -> None:
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(0)
    maps = np.clip(rng.normal([[[0.2]], [[0.3]]], 0.1, (2, 40, 40)), 0, 1).astype(np.float32)
    maps[:, :15] = np.clip(rng.normal(0.75, 0.1, (2, 15, 40)), 0, 1)
    for one, found in zip(maps, otsu_threshold(torch.from_numpy(maps)).tolist(), strict=True):
        counts = np.histogram(one, 256, (0, 1))[0]
        centers = (np.arange(256) + 0.5) / 256
        # it gives the center of the last bin below, we the edge above it
        assert found == pytest.approx(filters.threshold_otsu(hist=(counts, centers)) + 0.5 / 256, abs=1e-6)


def test_nan_has_no_threshold_and_zeros_no_region() -> None:
    maps = torch.stack([torch.full((3, 3), torch.nan), torch.zeros(3, 3)])
    threshold = otsu_threshold(maps)
    assert threshold.isnan().tolist() == [True, False]
    assert not region(maps, threshold).any()
