"""Integrated gradients: what each pixel adds on the way from a film without evidence to the film.

Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017 (https://arxiv.org/abs/1703.01365). On
the choice of baseline: Sturmfels et al., Visualizing the Impact of Feature Attribution Baselines, Distill 2020
(https://doi.org/10.23915/distill.00022).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.background_films import BackgroundFilms
from cxr_xai.explainers.baselines import fill_films, require_fill
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.input_gradients import input_gradients
from cxr_xai.types import DrawBackground, Explanation

Baseline = Literal["black", "mean", "blur", "background"]


class IntegratedGradients:
    """``(x - x') ∫ ∇f(x' + α (x - x')) dα`` by Gauss–Legendre, which adds up to ``f(x) - f(x')``.

    Args:
        steps: nodes of the quadrature; the residual says whether they were enough.
        baseline: ``x'``. A pixel that equals it gets nothing: ``black`` is blind to air, where a pneumothorax is, and
            ``mean`` to the middle gray of a lung's opacities. ``blur`` keeps exposure and posture and takes away what
            is finer than a sixteenth of the film, so that maps are about findings, not about the chest.
            ``background`` is the mean over films of the training part, at ``films`` times the cost.
        films: number of background films; those of another size are resized.
        background: draws them.
        batch_size: most films in one pass (steps × films).

    Attributes:
        background_size: ``films`` under ``background``, else None.

    Raises:
        UserError: no steps, an unknown baseline, or ``background`` without its films.
    """

    name = "integrated_gradients"

    def __init__(
        self,
        steps: int = 32,
        baseline: Baseline = "blur",
        films: int = 4,
        background: DrawBackground | None = None,
        batch_size: int = 32,
    ) -> None:
        for key, value in (("steps", steps), ("films", films), ("batch_size", batch_size)):
            if value < 1:
                raise UserError(f"{key}={value}: integrated gradients needs 1 or more.")
        require_fill("baseline", baseline, ("background",))
        if baseline == "background" and background is None:
            raise UserError("baseline=background: no training films at hand here; use black, mean or blur.")
        self.background = BackgroundFilms(background, films) if background and baseline == "background" else None
        self.background_size = films if baseline == "background" else None
        self.baseline, self.batch_size = baseline, batch_size
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        self.nodes = torch.tensor((nodes + 1) / 2, dtype=torch.float32)
        self.weights = torch.tensor(weights / 2, dtype=torch.float32)

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` shares of the logit's change; residual: of their sum."""
        with borrow(model, gradients=True) as lent:
            parts = [self._explain(lent, films, findings) for films in torch.split(fresh(image), self.batch_size)]
            maps, logits, change = (torch.cat(column) for column in zip(*parts, strict=True))
            return Explanation(maps, logits, maps.sum(dim=(2, 3)) - change)

    def _explain(self, lent: nn.Module, films: Tensor, findings: Sequence[int] | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return maps, logits and the logits' change from the baseline, of at most ``batch_size`` films."""
        with torch.no_grad():
            logits = lent(films)
        columns = choose_findings(findings, logits.shape[1])
        baselines = self._baselines(films)
        maps = change = torch.zeros((), device=films.device)
        for start in baselines:
            with torch.no_grad():
                change = change + (logits - lent(start))[:, columns] / len(baselines)
            maps = maps + self._integrate(lent, start, films, columns) / len(baselines)
        return maps, logits, change

    def _baselines(self, films: Tensor) -> list[Tensor]:
        if self.background is not None:
            return [film[None].expand_as(films) for film in self.background.like(films)]
        assert self.baseline != "background"
        return [fill_films(films, self.baseline)]

    def _integrate(self, lent: nn.Module, start: Tensor, films: Tensor, columns: list[int]) -> Tensor:
        """Sum weighted gradients over the nodes; those of one pass share its graph and are added up on the way back."""
        nodes, weights = self.nodes.to(films.device), self.weights.to(films.device)
        at_once, difference = max(self.batch_size // len(films), 1), films - start
        total = torch.zeros((), device=films.device)
        for place, weight in zip(torch.split(nodes, at_once), torch.split(weights, at_once), strict=True):
            here = torch.zeros_like(films).requires_grad_()
            points = start + place.view(-1, 1, 1, 1, 1) * difference + here
            logits = lent(points.flatten(0, 1))
            total = total + input_gradients(logits, here, columns, weight.repeat_interleave(len(films)))
        return total * difference
