"""What judging maps costs: a whole box list from stored maps, and a ceiling on the grid of pixels."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cxr_xai.experiments.benchmarks.timing import Figure, state_turns, time_in_turns
from cxr_xai.findings import BOXED
from cxr_xai.heatmap import resize_heatmaps
from cxr_xai.metrics.ceiling import iou_ceiling
from cxr_xai.metrics.prior import ClassBoxPrior
from cxr_xai.metrics.scoring import reference_scores, score_maps
from cxr_xai.metrics.skill import macro_skill

BOXES, EXPLAINERS, GRID, SIZE = 984, 6, (7, 7), 224
"""The published box list, six explainers on the grid that the usual trunks have at 224 px."""

SECONDS = 10


def measure_boxes(repeats: int) -> list[Figure]:
    """Measure localization of 984 boxes by 6 explainers from stored maps, and ceilings of fine grids."""
    boxes, keys, prior = draw_boxes(BOXES)
    maps = torch.randn(EXPLAINERS, BOXES, *GRID, generator=torch.Generator().manual_seed(0))
    resize = partial(resize_heatmaps, size=SIZE)
    turns = max(repeats // 4, 1)

    def score_stored() -> None:
        score_explainers(store_and_read(maps), boxes, keys, prior)

    times = time_in_turns(
        {
            "all": score_stored,
            "one": lambda: score_maps(maps[0], boxes, SIZE),
            "pixels": lambda: iou_ceiling(boxes, (SIZE, SIZE), (SIZE, SIZE), resize),
            "cells": lambda: iou_ceiling(boxes, (SIZE, SIZE), (28, 28), resize),
        },
        turns,
    )
    figures = [
        Figure(
            f"{BOXES} boxes × {EXPLAINERS} explainers, stored, prior, ceiling and skill, {SIZE} px, vs scores of one",
            times["all"],
            times["one"],
            times["all"] / SECONDS,
            f"share of {SECONDS} s",
            "≤ 1",
        ),
        Figure(
            f"ceiling of {BOXES} boxes on the grid of {SIZE}×{SIZE} pixels, vs a grid of 28×28",
            times["pixels"],
            times["cells"],
            times["pixels"] / times["cells"],
            "time ratio",
            "≤ 64, the ratio of the grids",
        ),
    ]
    return state_turns(figures, turns)


def store_and_read(maps: Tensor) -> Tensor:
    """Write maps as a run folder does, a compressed file an explainer, and read them again."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.npz" for number in range(len(maps))]
        for path, each in zip(paths, maps.numpy(), strict=True):
            np.savez_compressed(path, attribution=each)
        return torch.from_numpy(np.stack([np.load(path)["attribution"] for path in paths]))


def draw_boxes(number: int, seed: int = 0) -> tuple[list[Tensor], list[tuple[str, str]], ClassBoxPrior]:
    """Draw boxes at the size of the published ones: in pixels, with their (finding, patient), and the prior of all."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(0.05, 0.45, (number, 2))
    corners = rng.random((number, 2)) * (1 - sides)
    units = torch.from_numpy(np.hstack([corners, corners + sides])).float()
    findings = [BOXED[n % len(BOXED)] for n in range(number)]
    patients = [str(n) for n in rng.integers(0, 3 * number // 4, number)]
    keys = list(zip(findings, patients, strict=True))
    return list((units * SIZE)[:, None]), keys, ClassBoxPrior(units, findings, patients)


def score_explainers(
    maps: Tensor, boxes: Sequence[Tensor], keys: Sequence[tuple[str, str]], prior: ClassBoxPrior
) -> list[float]:
    """Return the macro skill of each explainer, ``(E, M, h, w)``; prior and ceiling are made once."""
    reference = reference_scores(boxes, keys, prior, GRID, SIZE)
    group = np.array([BOXED.index(finding) for finding, _ in keys])
    counts = np.bincount(group, minlength=len(BOXED))

    def mean(scores: Tensor) -> list[float]:
        return [float(scores[torch.from_numpy(group == k)].nan_to_num(0.0).mean()) for k in range(len(BOXED))]

    under, over = mean(reference["prior_iou"]), mean(reference["ceiling_iou"])
    return [float(macro_skill(mean(score_maps(each, boxes, SIZE)["iou"]), under, over, counts)) for each in maps]
