"""How much a map moves when the film hardly does, and whether its numbers add up to what the model loses."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.metrics.faithfulness.curves import Predict, predict_films
from cxr_xai.metrics.faithfulness.imputers import Imputer
from cxr_xai.metrics.faithfulness.orders import find_dead

Explain = Callable[[Tensor], Tensor]
"""``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` signed maps."""


def max_sensitivity(explain: Explain, image: Tensor, radius: float = 0.02, draws: int = 10, seed: int = 0) -> Tensor:
    """Return ``max over δ of ‖explain(x + δ) - explain(x)‖ / ‖explain(x)‖`` over draws from ``[-radius, radius]``.

    The draws are the same for every film, so that a film's score does not depend on its batch.

    Source: Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019
    (https://arxiv.org/abs/1901.09392).

    Args:
        explain: the explainer on its model.
        image: ``(N, 1, H, W)`` in [0, 1]; perturbed films may leave it by ``radius``, as in the paper.
        radius: in gray levels of [0, 1].
        draws: perturbations tried; the maximum over more of them is larger.
        seed: of the draws.

    Returns:
        ``(N, F)``, 0 for a map that does not move. NaN where the map is dead, or where a perturbed one is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    before = explain(image).float()
    worst = torch.zeros(before.shape[:2], device=before.device)
    for _ in range(draws):
        noise = (2 * torch.rand(1, *image.shape[1:], generator=generator) - 1).to(image) * radius
        moved = (explain(image + noise).float() - before).flatten(2).norm(dim=2)
        worst = torch.where(moved.isnan() | worst.isnan(), torch.nan, torch.maximum(worst, moved))
    relative: Tensor = worst / before.flatten(2).norm(dim=2)
    return relative.where(~find_dead(before) & relative.isfinite(), torch.nan)


class Removals(NamedTuple):
    """Random subsets of cells, taken away.

    Attributes:
        masks: ``(D, a, b)`` bool, the same for every film.
        drops: ``(N, D, K)`` intact minus remaining logit.
    """

    masks: Tensor
    drops: Tensor


@torch.no_grad()
def draw_removals(
    predict: Predict,
    image: Tensor,
    cells: tuple[int, int],
    imputer: Imputer,
    share: float = 0.2,
    draws: int = 50,
    seed: int = 0,
    batch: int = 64,
    intact: Tensor | None = None,
) -> Removals:
    """Take random subsets of a given share of the cells away, and note what the logits lose.

    Args:
        predict: the model.
        image: ``(N, 1, H, W)`` in [0, 1].
        cells: ``(a, b)`` grid of removal.
        imputer: puts something in their place.
        share: of the cells, the ``n`` of sensitivity-n.
        draws: ``D``.
        seed: of the subsets.
        batch: films predicted at once.
        intact: ``(N, K)`` logits of the films, where they are there already.
    """
    generator, total = torch.Generator().manual_seed(seed), cells[0] * cells[1]
    size = max(1, round(share * total))
    order = torch.stack([torch.randperm(total, generator=generator) for _ in range(draws)])
    masks = (order < size).view(-1, *cells).to(image.device)
    wide = F.interpolate(masks[:, None].float(), image.shape[-2:], mode="nearest-exact") > 0.5
    fill, remaining = imputer.fill(image), []
    pairs = torch.cartesian_prod(torch.arange(len(image)), torch.arange(draws)).to(image.device)
    for start in range(0, len(pairs), batch):
        film, draw = pairs[start : start + batch].unbind(1)
        remaining.append(predict(imputer.impute(image[film], fill[film], wide[draw])).float())
    intact = predict_films(predict, image, batch) if intact is None else intact
    return Removals(masks, intact.to(image.device)[:, None] - torch.cat(remaining).view(len(image), draws, -1))


def sensitivity_n(values: Tensor, masks: Tensor, drops: Tensor) -> Tensor:
    """Correlate what a map attributes to subsets of cells with what the model loses by them (Pearson).

    Source: Ancona et al., ICLR 2018 (https://arxiv.org/abs/1711.06104), section 4.

    Args:
        values: ``(M, a, b)`` signed evidence in each cell.
        masks: ``(D, a, b)`` bool of `draw_removals`.
        drops: ``(M, D)`` of the map's own film and finding.

    Returns:
        ``(M,)`` in [-1, 1], 1 if the map adds up up to a factor. NaN where the map is dead or where one side does not
        vary.
    """
    sums = values.float().flatten(1) @ masks.flatten(1).float().T
    a, b = (side - side.mean(dim=1, keepdim=True) for side in (sums, drops.float()))
    spread = a.norm(dim=1) * b.norm(dim=1)
    flat = (a.norm(dim=1) <= 1e-6 * sums.norm(dim=1)) | (b.norm(dim=1) <= 1e-6 * drops.norm(dim=1))
    score: Tensor = (a * b).sum(dim=1) / spread
    return score.where(~flat & ~find_dead(values) & score.isfinite(), torch.nan)


def infidelity(values: Tensor, masks: Tensor, drops: Tensor) -> Tensor:
    """Return ``min over β ≥ 0 of E(β Σφ - drop)² / E(drop²)``, the share of the loss that the map leaves unexplained.

    The infidelity of Yeh et al. 2019 (section 2.1) for removals of cells, under their best scaling, so that maps
    without a unit can be compared. A scale is never negative: a map of the wrong sign explains nothing and has 1.

    Args:
        values: ``(M, a, b)`` signed evidence in each cell.
        masks: ``(D, a, b)`` bool.
        drops: ``(M, D)``.

    Returns:
        ``(M,)`` in [0, 1]; NaN where the map is dead or nothing was lost.
    """
    sums, lost = values.double().flatten(1) @ masks.flatten(1).double().T, drops.double()
    explained: Tensor = (sums * lost).sum(1).clamp(min=0) ** 2 / ((sums**2).sum(1) * (lost**2).sum(1))
    return (1 - explained).where(~find_dead(values) & explained.isfinite(), torch.nan).float()
