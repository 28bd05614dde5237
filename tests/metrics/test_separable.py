import pytest
import torch
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.heatmap import resize_heatmaps
from cxr_xai.metrics import ceiling
from cxr_xai.metrics.ceiling import energy_ceiling, iou_ceiling
from cxr_xai.metrics.separable import find_profiles


def test_profiles_make_the_resized_map() -> None:
    found = find_profiles(lambda maps: resize_heatmaps(maps, (20, 30)), (3, 5), (20, 30))
    assert found is not None
    maps = torch.rand(3, 5)
    again = found.down.T @ maps.double() @ found.across
    torch.testing.assert_close(again.float(), resize_heatmaps(maps[None], (20, 30))[0], atol=1e-6, rtol=0)


def test_what_is_not_separable_is_seen() -> None:
    def turned(maps: Tensor) -> Tensor:
        resized = resize_heatmaps(maps, 8)
        return (resized + resized.transpose(1, 2)) / 2

    assert find_profiles(turned, (4, 4), (8, 8)) is None
    assert find_profiles(lambda maps: 0.9 * resize_heatmaps(maps, 8), (4, 4), (8, 8)) is None


def test_a_wrong_size_is_said() -> None:
    with pytest.raises(UserError, match="pass its size"):
        find_profiles(lambda maps: maps, (4, 4), (8, 8))


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.85])
@pytest.mark.parametrize("grid", [(1, 1), (4, 4), (5, 7), (9, 3), (24, 36), (12, 18)])
def test_both_ways_to_the_ceiling_agree(
    grid: tuple[int, int], threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, generator = (24, 36), torch.Generator().manual_seed(2)
    corners = torch.rand(40, 2, 2, generator=generator).sort(dim=1).values * torch.tensor([36.0, 24.0])
    single = list(corners.reshape(40, 1, 4))
    boxes = [*single[:20], *(torch.cat(single[n : n + 2]) for n in range(20, 40, 2))]

    def resize(maps: Tensor) -> Tensor:
        return resize_heatmaps(maps, size)

    fast = iou_ceiling(boxes, size, grid, resize, threshold), energy_ceiling(boxes, size, grid, resize)
    monkeypatch.setattr(ceiling, "find_profiles", lambda *given: None)
    slow = iou_ceiling(boxes, size, grid, resize, threshold), energy_ceiling(boxes, size, grid, resize)
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
