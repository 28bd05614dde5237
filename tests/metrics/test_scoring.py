import math

import pytest
import torch

from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics import scoring
from cxr_xai.metrics.localization import localization_scores
from cxr_xai.metrics.map_thresholds.cross_fitted import fold_of
from cxr_xai.metrics.prior import ClassBoxPrior
from cxr_xai.metrics.region import level_box, peaks_along, region, region_box
from cxr_xai.metrics.scoring import POLICIES, cross_fit_levels, reference_scores, score_maps

SIZE = (24, 40)


@pytest.fixture
def maps() -> torch.Tensor:
    raw = torch.randn(30, 4, 5, generator=torch.Generator().manual_seed(0))
    raw[3], raw[7] = -1.0, math.nan
    return raw


@pytest.fixture
def boxes() -> torch.Tensor:
    corners = torch.rand(30, 2, 2, generator=torch.Generator().manual_seed(1)).sort(dim=1).values
    return (corners * torch.tensor([40.0, 24.0])).reshape(30, 4)


def test_chunks_change_nothing(maps: torch.Tensor, boxes: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = localization_scores(resize_heatmaps(make_heatmap(maps), SIZE), boxes)
    monkeypatch.setattr(scoring, "_PIXELS", 4 * SIZE[0] * SIZE[1])
    found = score_maps(maps, boxes, SIZE)
    assert found.keys() == whole.keys()
    for key, score in whole.items():
        torch.testing.assert_close(found[key], score, equal_nan=True)
    assert torch.nonzero(found["dead"]).ravel().tolist() == [3, 7]


def test_policies_are_beside_the_headline(maps: torch.Tensor, boxes: torch.Tensor) -> None:
    found = score_maps(maps, boxes, SIZE, policies=POLICIES)
    assert found["iou_levels"].shape == (30, 9)
    torch.testing.assert_close(found["iou_levels"][:, 4], found["iou"], equal_nan=True)
    for key in ("iou_quantile", "iou_otsu", "wang_iou", "wang_iobb", "wang_false"):
        assert found[key].isnan().tolist() == found["dead"].tolist()


def test_the_cross_fitted_level_is_the_best_on_other_folds() -> None:
    # One patient alone would choose level .9, and with it the mean over all; all others choose .3.
    levels = torch.zeros(40, 9)
    levels[:, 2] = torch.linspace(0.5, 0.6, 40)
    levels[0, 8] = 40.0
    patients = [str(n) for n in range(40)]
    same_fold = torch.tensor([fold_of(patient) == fold_of("0") for patient in patients])
    found = {"iou_levels": levels.clone(), "prior_iou_levels": levels.clone()}
    cross_fit_levels(found, ["Mass"] * 40, patients)
    assert found.keys() == {"iou_cross_fitted", "prior_iou_cross_fitted"}
    by_hand = torch.where(same_fold, levels[:, 2], levels[:, 8])
    assert 1 < same_fold.sum() < 39
    for score in found.values():
        torch.testing.assert_close(score, by_hand)


@pytest.mark.parametrize("policies", [(), POLICIES])
def test_one_map_for_all_pairs(maps: torch.Tensor, boxes: torch.Tensor, policies: tuple[scoring.Policy, ...]) -> None:
    for one in (maps[:1], maps[3:4], maps[7:8]):
        every = score_maps(one.expand(30, -1, -1).clone(), boxes, SIZE, policies=policies)
        shared = score_maps(one, boxes, SIZE, policies=policies)
        assert shared.keys() == every.keys()
        for key, score in every.items():
            torch.testing.assert_close(shared[key], score, equal_nan=True)


def test_tight_boxes_come_from_the_peaks_along_the_axes(maps: torch.Tensor) -> None:
    heatmaps = resize_heatmaps(make_heatmap(maps), SIZE)
    for threshold in (0.0, 0.3, 0.99, torch.rand(30)):
        found = level_box(*peaks_along(heatmaps), threshold)
        torch.testing.assert_close(found, region_box(region(heatmaps, threshold)), equal_nan=True)


def test_nothing_to_score() -> None:
    found = score_maps(torch.zeros(0, 4, 4), [], 8, policies=POLICIES)
    assert {len(score) for score in found.values()} == {0}


@pytest.mark.parametrize("grid", [(3, 5), SIZE])
def test_references_know_grids_that_are_not_square(boxes: torch.Tensor, grid: tuple[int, int]) -> None:
    units = boxes / torch.tensor([40.0, 24, 40, 24])
    keys = [("Mass", str(n)) for n in range(29)] + [("Nodule", "0")]
    prior = ClassBoxPrior(units, [finding for finding, _ in keys], [patient for _, patient in keys])
    found = reference_scores(boxes, keys, prior, grid, SIZE, policies=POLICIES)
    assert found["prior_iou"].isnan().tolist() == [False] * 29 + [True]
    assert found["ceiling_iou"].isfinite().all()
    assert (found["prior_iou"] <= found["ceiling_iou"] + 1e-5)[:29].all()
    assert {"prior_pointing", "prior_energy", "prior_iobb", "ceiling_energy", "prior_wang_false"} <= found.keys()
