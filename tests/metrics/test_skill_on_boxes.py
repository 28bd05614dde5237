"""The metric itself, on the published box list where it is present and on the phantom's always; no image is needed."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from cxr_xai.data.boxes import boxes_in_pixels
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.metrics.prior import ClassBoxPrior, pool_to_grid
from cxr_xai.metrics.region import rasterize_boxes
from cxr_xai.metrics.scoring import reference_scores, score_maps
from cxr_xai.metrics.skill import macro_skill

BOX_LIST = Path(__file__).parents[2] / "../shared/nih-chestxray14/BBox_List_2017.csv"
SIZE = 32
GRIDS = {"coarse": (4, 4), "uneven": (6, 9), "pixels": (SIZE, SIZE)}


def read_published() -> tuple[Tensor, list[str], list[str]]:
    table = pd.read_csv(BOX_LIST)
    xywh = torch.from_numpy(table.iloc[:, 2:6].to_numpy(np.float32))
    units = torch.cat([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], dim=1) / 1024
    return units, table.iloc[:, 1].tolist(), [name.split("_")[0] for name in table.iloc[:, 0]]


@pytest.fixture(
    scope="module",
    params=[
        "phantom",
        pytest.param("published", marks=pytest.mark.skipif(not BOX_LIST.exists(), reason="the box list is not here")),
    ],
)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if request.param == "published":
        units, findings, patients = read_published()
        assert len(units) == 984
    else:
        reader = PhantomReader(train_val_patients=2, test_patients=150, film_size=64)
        table = reader.read(tmp_path_factory.mktemp("boxes") / "phantom").boxes
        units, findings = boxes_in_pixels(table, 1), table["finding"].tolist()
        patients = table["patient_id"].tolist()
    names = sorted(set(findings))
    return {
        "boxes": units * SIZE,
        "keys": list(zip(findings, patients, strict=True)),
        "prior": ClassBoxPrior(units, findings, patients),
        "group": torch.tensor([names.index(name) for name in findings]),
        "references": {},
    }


def references(source: dict[str, Any], grid: tuple[int, int]) -> dict[str, Tensor]:
    if grid not in source["references"]:
        source["references"][grid] = reference_scores(source["boxes"], source["keys"], source["prior"], grid, SIZE)
    found: dict[str, Tensor] = source["references"][grid]
    return found


def means(scores: Tensor, group: Tensor, known: Tensor) -> list[float]:
    return [float(scores[known & (group == k)].mean()) for k in range(int(group.max()) + 1)]


def macro(source: dict[str, Any], maps: Tensor, grid: tuple[int, int], by: float = 0.0) -> float:
    """Macro skill of maps, held against prior and ceiling of the boxes where they are."""
    reference = references(source, grid)
    known, group = ~reference["prior_iou"].isnan(), source["group"]
    iou = score_maps(maps, source["boxes"] + by, SIZE)["iou"].nan_to_num(0.0)
    trio = [means(each, group, known) for each in (iou, reference["prior_iou"], reference["ceiling_iou"])]
    counts = np.bincount(group[known].numpy(), minlength=int(group.max()) + 1)
    return float(macro_skill(trio[0], trio[1], trio[2], counts))


def maps_of(source: dict[str, Any], grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Prior and own box of every pair on the grid, each with maximum 1."""
    prior = pool_to_grid(source["prior"].heatmaps(source["keys"]), grid)
    own = pool_to_grid(rasterize_boxes(source["boxes"], (SIZE, SIZE)).float(), grid)
    return prior / prior.amax((1, 2), keepdim=True), own / own.amax((1, 2), keepdim=True)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_skill_is_zero_at_the_prior_and_the_prior_is_below_the_ceiling(
    source: dict[str, Any], grid: tuple[int, int]
) -> None:
    assert macro(source, maps_of(source, grid)[0], grid) == pytest.approx(0, abs=1e-9)
    reference = references(source, grid)
    known = ~reference["prior_iou"].isnan()
    assert known.float().mean() > 0.5
    for key in ("iou", "energy"):
        assert (reference[f"prior_{key}"] <= reference[f"ceiling_{key}"] + 1e-5)[known].all()


def test_skill_is_one_at_the_ceiling_and_rises_along_mixtures(source: dict[str, Any]) -> None:
    # on the grid of pixels the box itself is a map, and as good as one can be but for the rounding of its edges
    grid = GRIDS["pixels"]
    prior, own = maps_of(source, grid)
    values = [macro(source, (1 - share) * prior + share * own, grid) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(values))
    assert values[0] < 0.01
    assert values[-1] == pytest.approx(1, abs=0.02)


def test_skill_falls_when_boxes_are_shifted(source: dict[str, Any]) -> None:
    own = maps_of(source, GRIDS["pixels"])[1]
    values = [macro(source, own, GRIDS["pixels"], by) for by in (0, 2, 4, 8)]
    assert all(a > b for a, b in itertools.pairwise(values))


@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_no_map_beats_the_ceiling(source: dict[str, Any], grid: tuple[int, int]) -> None:
    reference = references(source, grid)
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(len(source["boxes"]), *grid, generator=generator)
    for maps in (random, random**8, maps_of(source, grid)[1], random * maps_of(source, grid)[1]):
        scores = score_maps(maps, source["boxes"], SIZE)
        for key in ("iou", "energy"):
            assert (scores[key].nan_to_num(0.0) <= reference[f"ceiling_{key}"] + 1e-5).all()


def test_climbing_maps_do_not_beat_the_ceiling(source: dict[str, Any]) -> None:
    grid, chosen = GRIDS["uneven"], slice(0, 60)
    boxes, keys = source["boxes"][chosen], source["keys"][chosen]
    ceiling = reference_scores(boxes, keys, source["prior"], grid, SIZE)["ceiling_iou"]
    generator = torch.Generator().manual_seed(1)
    best = maps_of(source, grid)[1][chosen]
    score = score_maps(best, boxes, SIZE)["iou"].nan_to_num(0.0)
    start = score.mean()
    for _ in range(60):
        noise = 0.3 * torch.randn(best.shape, generator=generator)
        noise *= torch.rand(best.shape, generator=generator) < 0.1
        tried = (best + noise).clamp(min=0)
        got = score_maps(tried, boxes, SIZE)["iou"].nan_to_num(0.0)
        better = got > score
        best[better], score[better] = tried[better], got[better]
    assert score.mean() > start
    assert (score <= ceiling + 1e-5).all()
