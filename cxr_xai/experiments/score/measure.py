"""Maps of any grids against their boxes, beside the controls on the same pairs and grids."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from cxr_xai.artifacts.maps_folder import FoundMaps, Pair, StoredMap
from cxr_xai.data.boxes import BoxedPairs
from cxr_xai.experiments.controls.maps import score_attribution, score_controls, score_references
from cxr_xai.metrics.prior import ClassBoxPrior, build_prior
from cxr_xai.metrics.scoring import POLICIES


@dataclass(frozen=True)
class Scored:
    """Scores of maps and controls, each in the order of the pairs that have a map.

    Attributes:
        maps: the pairs, ``prob``, ``grid``, the scores and their references.
        controls: rows by control.
        missing: the boxed pairs without a map.
    """

    maps: pd.DataFrame
    controls: Mapping[str, pd.DataFrame]
    missing: pd.DataFrame


def choose_pairs(pairs: BoxedPairs, keep: "pd.Series[bool]") -> BoxedPairs:
    """Return some of the pairs."""
    chosen = keep.to_numpy(bool)
    boxes = [box for box, taken in zip(pairs.boxes, chosen, strict=True) if taken]
    masks = None if pairs.masks is None else pairs.masks.take(np.flatnonzero(chosen))
    return BoxedPairs(pairs.table[chosen].reset_index(drop=True), boxes, masks)


def score_found(pairs: BoxedPairs, found: FoundMaps, boxes: pd.DataFrame, size: int, seed: int = 0) -> Scored:
    """Score every pair that has a map, grid by grid, since prior and ceiling belong to a grid.

    Args:
        pairs: that could be scored.
        found: their maps.
        boxes: all boxes of the source, for the prior.
        size: side of the image in pixels.
        seed: of the random control.
    """
    stored = [found.maps.get(pair) for pair in _keys(pairs)]
    there = pd.Series([each is not None for each in stored], dtype=bool)
    grids = pd.Series([None if each is None else tuple(each.attribution.shape) for each in stored], dtype=object)
    prior, parts = build_prior(boxes), []
    for grid in sorted(set(grids[there])):
        mine = choose_pairs(pairs, grids == grid)
        parts.append(_score_grid(mine, [found.maps[pair] for pair in _keys(mine)], prior, grid, size, seed))
    names = parts[0][1] if parts else {}
    controls = {name: pd.concat([part[1][name] for part in parts], ignore_index=True) for name in names}
    maps = pd.concat([part[0] for part in parts], ignore_index=True) if parts else pd.DataFrame()
    return Scored(maps, controls, pairs.table[~there.to_numpy()].reset_index(drop=True))


def _keys(pairs: BoxedPairs) -> list[Pair]:
    return list(zip(pairs.table["image_id"], pairs.table["finding"], strict=True))


def _score_grid(
    pairs: BoxedPairs, stored: list[StoredMap], prior: ClassBoxPrior, grid: tuple[int, int], size: int, seed: int
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    references = score_references(pairs, prior, grid, size, POLICIES)
    rows = score_attribution(pairs, torch.stack([each.attribution for each in stored]), references, size, POLICIES)
    rows.insert(4, "prob", [each.prob for each in stored])
    rows.insert(5, "grid", f"{grid[0]}x{grid[1]}")
    return rows, score_controls(pairs, references, grid, size, seed)
