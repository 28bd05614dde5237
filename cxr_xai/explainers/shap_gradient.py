"""Expected gradients: gradients on the way from background films to the film, times the difference.

``φ = E_(b, t) [ (x − b) · ∂f/∂x (b + t (x − b)) ]``, b a film of the training part, t uniform in [0, 1]; in expectation
``Σ φ = f(x) − E f(b)``. Source: Erion et al., Improving performance of deep learning models with axiomatic attribution
priors and expected gradients, 2021 (https://arxiv.org/abs/1906.10670); the same estimate as shap's GradientExplainer.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.background_films import BackgroundFilms
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.input_gradients import input_gradients
from cxr_xai.types import DrawBackground, Explanation

Predict = Callable[[Tensor], Tensor]


class ShapGradient:
    """Pixel maps of all findings from the same forward passes.

    shap draws background film and moment anew for every sample; here every film is met ``moments`` times and the
    moments of all samples together divide [0, 1] evenly, which leaves a smaller residual for the same price.

    Args:
        background: draws films of the training part.
        background_size: how many; up to 1,000 make sense.
        moments: samples per background film.
        batch_size: samples that are differentiated at a time; it bounds the memory.
        seed: of the moments, the same ones for every film.
    """

    name = "shap_gradient"

    def __init__(
        self,
        background: DrawBackground,
        background_size: int = 16,
        moments: int = 4,
        batch_size: int = 16,
        seed: int = 0,
    ) -> None:
        for key, value in {"moments": moments, "batch_size": batch_size}.items():
            if value < 1:
                raise UserError(f"explainer.{key} is {value}; it must be 1 or more.")
        self.background, self.background_size = BackgroundFilms(background, background_size), background_size
        self.moments, self.batch_size, self.seed = moments, batch_size, seed

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` maps; the residual is of the sample, 0 with many."""
        with borrow(model, gradients=True) as lent:
            image = fresh(image)
            films = self.background.like(image)
            with torch.no_grad():
                logits = lent(image)
                base = torch.cat([lent(part) for part in torch.split(films, self.batch_size)]).mean(dim=0)
            chosen = choose_findings(findings, logits.shape[1])
            which = torch.arange(len(films), device=image.device).repeat_interleave(self.moments)
            moments = spread_moments(len(films), self.moments, self.seed).to(image)
            maps = [
                expected_gradients(lent, film[None], films, which, moments, chosen, self.batch_size) for film in image
            ]
            attribution = torch.stack(maps)
            return Explanation(attribution, logits, attribution.sum(dim=(2, 3)) - (logits - base)[:, chosen])


def expected_gradients(
    predict: Predict, film: Tensor, films: Tensor, which: Tensor, moments: Tensor, findings: Sequence[int], chunk: int
) -> Tensor:
    """Return the ``(F, H, W)`` mean over samples of difference × gradient; all findings share the forward pass.

    Args:
        predict: ``(n, 1, H, W)`` → ``(n, K)``, differentiable.
        film: ``(1, 1, H, W)`` to be explained.
        films: ``(B, 1, H, W)`` to compare with.
        which: ``(S,)`` the film of every sample.
        moments: ``(S,)`` in [0, 1], where between that film and the one explained.
        findings: columns.
        chunk: samples at a time.
    """
    total = film.new_zeros(len(findings), *film.shape[-2:])
    for some, at in zip(torch.split(which, chunk), torch.split(moments, chunk), strict=True):
        difference = film - films[some]
        points = (films[some] + at[:, None, None, None] * difference).requires_grad_()
        total += (input_gradients(predict(points), points, findings) * difference).sum(dim=0)
    return total / len(which)


def spread_moments(films: int, moments: int, seed: int) -> Tensor:
    """Return ``(films · moments,)`` moments in [0, 1), film by film: one of all in every ``1 / (films · moments)``.

    Every film has one in each ``1 / moments``.

    >>> bool((spread_moments(4, 2, seed=0).sort().values * 8).long().equal(torch.arange(8)))
    True
    """
    random = torch.Generator().manual_seed(seed)
    columns = [torch.randperm(films, generator=random) for _ in range(moments)]
    within = (torch.stack(columns, dim=1) + torch.rand(films, moments, generator=random)) / films
    return ((torch.arange(moments) + within.clamp(max=1 - 1e-6)) / moments).flatten()
