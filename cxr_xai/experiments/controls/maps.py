"""The image-free controls as maps, one for each boxed (image, finding) pair, and their scores."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from cxr_xai.data.boxes import BoxedPairs
from cxr_xai.explainers.center import center
from cxr_xai.explainers.random_map import random_map
from cxr_xai.explainers.two_lungs import two_lungs
from cxr_xai.metrics.prior import ClassBoxPrior
from cxr_xai.metrics.scoring import Policy, cross_fit_levels, reference_scores, score_maps

Grid = tuple[int, int]
Draw = Callable[[Grid, Sequence[str], int], Tensor]

PRIOR = "class box prior"
"""As the tables call it."""

IMAGE_FREE: Mapping[str, Draw] = {
    "random": lambda grid, keys, seed: torch.stack([random_map(grid, key, seed) for key in keys]),
    "center": lambda grid, keys, seed: center(grid)[None],
    "two lungs": lambda grid, keys, seed: two_lungs(grid)[None],
}
"""``(grid, a key per pair, seed)`` → ``(M, h, w)``, or ``(1, h, w)`` where all pairs share a map.

The class box prior is image-free, too: the reference."""


def score_references(
    pairs: BoxedPairs, prior: ClassBoxPrior, grid: Grid, size: int, policies: Sequence[Policy] = ()
) -> pd.DataFrame:
    """Return prior and ceiling of each pair for maps on this grid: ``prior_…`` and ``ceiling_…``."""
    findings, patients = owners(pairs)
    keys = list(zip(findings, patients, strict=True))
    scores = reference_scores(pairs.boxes, keys, prior, grid, size, policies=policies, masks=pairs.masks)
    cross_fit_levels(scores, findings, patients)
    return as_columns(scores)


def owners(pairs: BoxedPairs) -> tuple[list[str], list[str]]:
    """Return finding and patient of each pair."""
    return pairs.table["finding"].tolist(), pairs.table["patient_id"].tolist()


def score_attribution(
    pairs: BoxedPairs, attribution: Tensor, references: pd.DataFrame, size: int, policies: Sequence[Policy] = ()
) -> pd.DataFrame:
    """Score one map for each pair, and put it beside its prior and ceiling.

    Args:
        pairs: ``M`` of them.
        attribution: ``(M, h, w)`` raw, or one map for all pairs.
        references: of `score_references`, for the same pairs and grid.
        size: side of the image in pixels.
        policies: further ways from map to box, cross-fitted over the patients of these pairs.

    Returns:
        ``image_id, patient_id, finding, boxes``, the scores of `score_maps` and the references.
    """
    scores = score_maps(attribution, pairs.boxes, size, policies=policies, masks=pairs.masks)
    cross_fit_levels(scores, *owners(pairs))
    own, beside = pairs.table.reset_index(drop=True), references.reset_index(drop=True)
    return pd.concat([own, as_columns(scores), beside], axis=1)


def score_controls(
    pairs: BoxedPairs, references: pd.DataFrame, grid: Grid, size: int, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Score every image-free control, the prior included, on all pairs.

    Args:
        pairs: ``M`` of them.
        references: of `score_references`, for the same pairs and grid.
        grid: ``(h, w)`` of the controls' maps.
        size: side of the image in pixels.
        seed: of the random control.

    Returns:
        Rows by name; the prior's only have what is known of it (``pointing energy iou iobb``).
    """
    drawn = draw_controls(pairs, grid, seed)
    rows = {name: score_attribution(pairs, maps, references, size) for name, maps in drawn}
    own = {key.removeprefix("prior_"): references[key] for key in map(str, references) if key.startswith("prior_")}
    table = pairs.table.reset_index(drop=True)
    rows[PRIOR] = pd.concat([table.assign(dead=False), pd.DataFrame(own), references], axis=1)
    return rows


def draw_controls(pairs: BoxedPairs, grid: Grid, seed: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Yield each image-free control and its maps of all pairs."""
    keys = (pairs.table["image_id"] + " " + pairs.table["finding"]).tolist()
    yield from ((name, draw(grid, keys, seed)) for name, draw in IMAGE_FREE.items())


def as_columns(scores: Mapping[str, Tensor]) -> pd.DataFrame:
    """Return the scores that are one number a map as columns."""
    return pd.DataFrame({key: score.numpy() for key, score in scores.items() if score.ndim == 1})
