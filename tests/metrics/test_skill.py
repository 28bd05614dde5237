import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from cxr_xai.metrics.ceiling import iou_ceiling
from cxr_xai.metrics.localization import localization_scores
from cxr_xai.metrics.prior import ClassBoxPrior, pool_to_grid
from cxr_xai.metrics.skill import macro_skill, skill

SIZE, GRID, N = 56, 7, 60


def resize(maps: Tensor) -> Tensor:
    return interpolate(maps[:, None], size=(SIZE, SIZE), mode="bilinear", align_corners=False)[:, 0]


def test_skill_by_hand() -> None:
    method, prior, ceiling = [0.5, 0.5, 0.1], [0.3, 0.3, 0.3], [0.7, 0.35, 0.8]
    result = skill(method, prior, ceiling)
    np.testing.assert_allclose(result.skill, [0.5, np.nan, -0.4])
    np.testing.assert_allclose(result.difference, [0.2, 0.2, -0.2])


def test_gap_of_exactly_ten_points_counts() -> None:
    assert skill([0.25], [0.2], [0.3]).skill[0] == pytest.approx(0.5)  # 0.3 - 0.2 < 0.1 in floats


def test_macro_is_a_ratio_of_sums_over_findings_with_enough_boxes() -> None:
    # (.1 + .3) / (.4 + .4); the third has too few boxes, the fourth no prior
    values = macro_skill([0.3, 0.5, 0.9, 0.5], [0.2, 0.2, 0.0, np.nan], [0.6, 0.6, 0.9, 0.9], [20, 99, 19, 50])
    assert float(values) == pytest.approx(0.5)
    assert np.isnan(macro_skill([0.3], [0.2], [0.6], [3]))


def test_replicates_keep_their_axis() -> None:
    method, prior, ceiling = np.full((5, 2), 0.4), np.full((5, 2), 0.2), np.full((5, 2), 0.6)
    assert skill(method, prior, ceiling).skill.shape == (5, 2)
    np.testing.assert_allclose(macro_skill(method, prior, ceiling, [30, 30]), np.full(5, 0.5))


@pytest.fixture(scope="module")
def scene() -> dict[str, Tensor]:
    """Boxes that scatter around one place, their prior on the grid, and good maps: the cells it covers."""
    generator = torch.Generator().manual_seed(0)
    center = 28 + 10 * torch.randn(N, 2, generator=generator)
    boxes = torch.cat([center - 10, center + 10], dim=1).clamp(0, SIZE)
    prior = ClassBoxPrior(boxes / SIZE, ["Mass"] * N, [str(i) for i in range(N)])
    pooled = pool_to_grid(torch.stack([prior.heatmap("Mass", str(i)) for i in range(N)]), (GRID, GRID))
    own = torch.stack(
        [
            (torch.arange(SIZE) + 0.5 >= boxes[:, i, None]) & (torch.arange(SIZE) + 0.5 < boxes[:, i + 2, None])
            for i in range(2)
        ]
    ).float()
    good = pool_to_grid(own[1][:, :, None] * own[0][:, None, :], (GRID, GRID))
    return {
        "boxes": boxes,
        "prior": pooled / pooled.amax((1, 2), keepdim=True),
        "good": good / good.amax((1, 2), keepdim=True),
        "ceiling": iou_ceiling(boxes, (SIZE, SIZE), (GRID, GRID), resize),
    }


def mean_iou(maps: Tensor, boxes: Tensor) -> list[float]:
    return [localization_scores(resize(maps), boxes)["iou"].mean().item()]


def test_prior_stays_below_the_ceiling_and_has_skill_zero(scene: dict[str, Tensor]) -> None:
    prior = mean_iou(scene["prior"], scene["boxes"])
    scores = localization_scores(resize(scene["prior"]), scene["boxes"])["iou"]
    assert (scores <= scene["ceiling"] + 1e-6).all()
    ceiling = [scene["ceiling"].mean().item()]
    assert skill(prior, prior, ceiling).skill.tolist() == [0]
    assert skill(ceiling, prior, ceiling).skill.tolist() == [1]


def test_skill_rises_along_mixtures_from_the_prior_to_better_maps(scene: dict[str, Tensor]) -> None:
    boxes, ceiling = scene["boxes"], [scene["ceiling"].mean().item()]
    prior = mean_iou(scene["prior"], boxes)
    # replace the prior by the good map on a growing share of the images
    steps = [torch.cat([scene["good"][:k], scene["prior"][k:]]) for k in range(0, N + 1, 12)]
    values = [skill(mean_iou(maps, boxes), prior, ceiling).skill[0] for maps in steps]
    assert values[0] == 0
    assert all(a < b for a, b in itertools.pairwise(values))
    assert values[-1] <= 1


def test_skill_falls_when_boxes_are_shifted(scene: dict[str, Tensor]) -> None:
    ceiling, prior = [scene["ceiling"].mean().item()], mean_iou(scene["prior"], scene["boxes"])
    values = [skill(mean_iou(scene["good"], scene["boxes"] + by), prior, ceiling).skill[0] for by in (0, 4, 8, 16)]
    assert all(a > b for a, b in itertools.pairwise(values))
