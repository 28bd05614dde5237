"""Kernel SHAP: how much each region of the film contributes, from films in which some regions are masked.

Regions are players; a coalition's value is the logit of the film with all other regions replaced. Source: Lundberg &
Lee, A unified approach to interpreting model predictions, NeurIPS 2017 (https://arxiv.org/abs/1705.07874).
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.background_films import BackgroundFilms
from cxr_xai.explainers.coalitions import draw_coalitions, solve_shapley
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.perturbed import perturbed_logits
from cxr_xai.explainers.superpixels import Superpixels
from cxr_xai.types import DrawBackground, Explanation

Regions = Callable[[Tensor], Tensor]


class ShapKernel:
    """Shapley values of regions, spread evenly over their pixels: a map's sum over a region is the region's value.

    All findings share the forward passes. The map adds up to ``f(x) − f(masked)`` exactly. Up to 8 regions are solved
    exactly with the default budget (all ``2^S`` coalitions), more are sampled.

    Args:
        background: draws films of the training part; what masks is made of them.
        background_size: how many.
        regions: ``(N, 1, H, W)`` films → ``(N, H, W)`` int64 labels, such as lung zones; None takes ``segments``.
        masking: ``mean`` puts the mean of the background films into masked regions; ``films`` puts each of them there
            and averages the logits, ``background_size`` times as expensive.
        samples: at most so many coalitions per film.
        batch_size: masked films at a time.
        seed: of the coalitions, the same ones for every film with as many regions.
        segments: which regions: ``grid`` cells, ``slic`` superpixels (`Superpixels`), or ``anatomy``, for which
            ``regions`` must be handed in. Where those are, they are taken.
        count: of grid cells or superpixels.
    """

    name = "shap_kernel"

    def __init__(
        self,
        background: DrawBackground,
        background_size: int = 16,
        regions: Regions | None = None,
        masking: Literal["mean", "films"] = "mean",
        samples: int = 256,
        batch_size: int = 32,
        seed: int = 0,
        segments: Literal["grid", "slic", "anatomy"] = "grid",
        count: int = 49,
    ) -> None:
        if masking not in ("mean", "films"):
            raise UserError(f"explainer.masking is {masking!r}; it must be mean or films.")
        if batch_size < 1:
            raise UserError(f"explainer.batch_size is {batch_size}; it must be 1 or more.")
        self.background, self.background_size = BackgroundFilms(background, background_size), background_size
        if regions is None:
            if segments == "anatomy":
                raise UserError("explainer.segments=anatomy: no regions of the chest at hand here; use grid or slic.")
            regions = Superpixels(segments, count)
        self.regions = regions
        self.masking, self.samples, self.batch_size, self.seed = masking, samples, batch_size, seed

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` maps, constant within a region.

        Raises:
            UserError: a film has more regions than the samples can tell apart.
        """
        with borrow(model) as lent:
            image = fresh(image)
            fillings = self.background.like(image)
            if self.masking == "mean":
                fillings = fillings.mean(dim=0, keepdim=True)
            logits = lent(image)
            chosen = choose_findings(findings, logits.shape[1])
            nothing = torch.cat([lent(part) for part in torch.split(fillings, self.batch_size)]).mean(dim=0)
            maps = []
            for film, labels, everything in zip(image, self.regions(image), logits, strict=True):
                names, regions = labels.to(image.device).unique(return_inverse=True)
                values = self._shapley(lent, film, regions, len(names), fillings, nothing, everything)
                pixels = regions.flatten().bincount(minlength=len(names))
                maps.append((values[chosen] / pixels)[:, regions])
            attribution = torch.stack(maps)
            residual = attribution.sum(dim=(2, 3)) - (logits - nothing)[:, chosen]
            return Explanation(attribution, logits, residual)

    def _shapley(
        self,
        lent: nn.Module,
        film: Tensor,
        regions: Tensor,
        count: int,
        fillings: Tensor,
        nothing: Tensor,
        everything: Tensor,
    ) -> Tensor:
        """Return ``(K, S)`` values of all findings for one film."""
        if count > 1 and self.samples < min(2 * count, 2**count - 2):
            raise UserError(
                f"explainer.samples is {self.samples} for {count} regions; it must be {2 * count} or more, "
                f"and is better {6 * count}."
            )
        coalitions, weights = np.zeros((0, count), bool), np.zeros(0)
        values = nothing.new_zeros(0, len(nothing))
        if count > 1:
            coalitions, weights = draw_coalitions(count, self.samples, self.seed)
            values = masked_logits(lent, film, regions, torch.from_numpy(coalitions), fillings, self.batch_size)
        games = [tensor.double().cpu().numpy() for tensor in (values, nothing, everything)]
        return torch.from_numpy(solve_shapley(coalitions, weights, *games).T).to(film)


def masked_logits(
    predict: Callable[[Tensor], Tensor],
    film: Tensor,
    regions: Tensor,
    coalitions: Tensor,
    fillings: Tensor,
    batch_size: int,
) -> Tensor:
    """Return ``(M, K)`` logits of a film with only some regions left, averaged over what the others are filled with.

    Args:
        predict: ``(n, 1, H, W)`` → ``(n, K)``.
        film: ``(1, H, W)``.
        regions: ``(H, W)`` int64 labels 0 … S − 1.
        coalitions: ``(M, S)`` bool, the regions left.
        fillings: ``(B, 1, H, W)``.
        batch_size: films at a time.
    """
    hidden = ~coalitions.to(film.device)

    def mask(some: slice) -> Tensor:
        return hidden[some][:, regions][:, None]

    under = [perturbed_logits(predict, film[None], one[None], mask, len(hidden), batch_size) for one in fillings]
    return torch.stack(under).mean(dim=0)[:, 0]
