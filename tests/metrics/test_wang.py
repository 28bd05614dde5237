import pytest
import torch

from cxr_xai.metrics.localization import dead_maps
from cxr_xai.metrics.wang import component_boxes, wang_scores


@pytest.fixture
def two_spots() -> torch.Tensor:
    """A strong spot of 2×2 and a weak one of 2×2, apart from each other, on 6×6."""
    heatmap = torch.zeros(1, 6, 6)
    heatmap[0, :2, :2] = 1.0
    heatmap[0, 4:, 4:] = 0.4
    return heatmap


def test_a_box_for_every_component_at_both_cuts(two_spots: torch.Tensor) -> None:
    assert component_boxes(two_spots)[0].tolist() == [[0, 0, 2, 2], [4, 4, 6, 6], [0, 0, 2, 2]]


def test_the_best_box_counts_and_the_others_are_false(two_spots: torch.Tensor) -> None:
    scores = wang_scores(two_spots, torch.tensor([[4.0, 4, 6, 5]]), dead_maps(two_spots))
    assert (scores["iou"].item(), scores["iobb"].item()) == (0.5, 0.5)
    assert scores["false_positives"].tolist() == [[2, 2, 2, 2, 3, 3, 3]], "IoU .5 is not above .5"


def test_several_boxes_and_several_maps(two_spots: torch.Tensor) -> None:
    boxes = [torch.tensor([[0.0, 0, 2, 2], [4, 4, 6, 6]]), torch.tensor([[2.0, 2, 4, 4]])]
    maps = torch.cat([two_spots, two_spots])
    scores = wang_scores(maps, boxes, dead_maps(maps))
    assert scores["iou"].tolist() == [1, 0]
    assert scores["false_positives"][:, 0].tolist() == [0, 3]


def test_a_box_at_the_threshold_has_found_nothing_however_it_is_rounded() -> None:
    heatmap = torch.zeros(1, 16, 16)
    heatmap[0, 2, 3:5] = 1.0
    box = torch.tensor([[3.0, 2, 8, 2 + 4 / 3]])  # an IoU of 2 / (20/3) = .3, which single precision puts above
    scores = wang_scores(heatmap, box, dead_maps(heatmap))
    assert scores["iou"].item() > torch.tensor(0.3).item()
    assert scores["false_positives"].tolist() == [[0, 0, 2, 2, 2, 2, 2]]


def test_dead_maps_are_undefined() -> None:
    maps = torch.stack([torch.full((4, 4), torch.nan), torch.zeros(4, 4)])
    scores = wang_scores(maps, torch.tensor([[0.0, 0, 1, 1]]).expand(2, 4), dead_maps(maps))
    assert all(score.isnan().all() for score in scores.values())
