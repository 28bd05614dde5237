"""Deep SHAP: contributions carried from background films to the film by the rescale rule, for all findings.

``φ = E_b [ m_b · (x − b) ]`` with multipliers ``m_b`` (`rescale`), so that ``Σ φ = f(x) − E f(b)``. Source: Lundberg &
Lee, A unified approach to interpreting model predictions, NeurIPS 2017 (https://arxiv.org/abs/1705.07874).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.background_films import BackgroundFilms
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.input_gradients import input_gradients
from cxr_xai.explainers.rescale import Tape, rescaled
from cxr_xai.types import DrawBackground, Explanation

TOLERANCE = 1e-3
"""Of a logit, by which a map's sum may miss what it explains and still be called exact."""


class ShapDeep:
    """Pixel maps that add up to the logit's distance from its mean over the background, if the network allows.

    Whether it does is measured on every map: `residual` holds by how much it fails, and `exact` is True only as long as
    none failed by more than `TOLERANCE`. Networks of convolutions, normalization, activations that are modules,
    pools, sums and concatenations are exact; gates (squeeze and excitation) and layer normalization are not.

    Args:
        background: draws films of the training part.
        background_size: how many; the time grows in proportion.
        batch_size: background films at a time; it bounds the memory.
        require_exact: True refuses maps that are not exact.

    Attributes:
        exact: None before the first map.
        largest_residual: of all maps so far, in logits; NaN where one was undefined.
    """

    name = "shap_deep"

    def __init__(
        self,
        background: DrawBackground,
        background_size: int = 16,
        batch_size: int = 16,
        require_exact: bool = False,
    ) -> None:
        if batch_size < 1:
            raise UserError(f"explainer.batch_size is {batch_size}; it must be 1 or more.")
        self.background, self.background_size = BackgroundFilms(background, background_size), background_size
        self.batch_size, self.require_exact = batch_size, require_exact
        self.exact: bool | None = None
        self.largest_residual = 0.0

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` maps and their additivity residual.

        Raises:
            UserError: a residual is above `TOLERANCE` and ``require_exact`` is set.
        """
        with borrow(model, gradients=True) as lent:
            image = fresh(image)
            films, tape = self.background.like(image), Tape()
            twin = rescaled(lent, tape)
            parts = [deep_shap(twin, tape, film[None], films, findings, self.batch_size) for film in image]
            maps, logits, base = (torch.stack(tensors) for tensors in zip(*parts, strict=True))
            chosen = choose_findings(findings, logits.shape[1])
            residual = maps.sum(dim=(2, 3), dtype=torch.float64) - (logits - base)[:, chosen]
            self._judge(residual)
            return Explanation(maps, logits, residual.float())

    def _judge(self, residual: Tensor) -> None:
        worst = residual.abs().max().item() if residual.numel() else 0.0
        self.exact = self.exact is not False and worst <= TOLERANCE
        self.largest_residual = float(np.maximum(self.largest_residual, worst))  # of NaN and a number NaN
        if self.require_exact and not self.exact:
            raise UserError(
                f"explainer.require_exact: Deep SHAP's maps miss the logits by up to {worst:.2g} "
                f"(allowed {TOLERANCE:g}): the network has gates or nonlinearities that the rescale rule does not "
                "know; choose shap_gradient, or require_exact=false and read the residual."
            )


def deep_shap(
    twin: nn.Module, tape: Tape, film: Tensor, films: Tensor, findings: Sequence[int] | None, chunk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Explain one film; all findings share the forward passes, and the film is passed through once.

    Args:
        twin: the network under the rescale rule.
        tape: its tape.
        film: ``(1, 1, H, W)``.
        films: ``(B, 1, H, W)`` of the background.
        findings: columns, None for all.
        chunk: background films at a time.

    Returns:
        ``(F, H, W)`` map, ``(K,)`` logits of the film, ``(K,)`` mean logits of the background.
    """
    with torch.no_grad(), tape.recording():
        logits = twin(film)[0]
    chosen = choose_findings(findings, len(logits))
    total, base = film.new_zeros(len(chosen), *film.shape[-2:]), torch.zeros_like(logits)
    for some in torch.split(films, chunk):
        points = some.clone().requires_grad_()
        out = twin(points)
        base += out.detach().sum(dim=0)
        total += (input_gradients(out, points, chosen) * (film - some)).sum(dim=0)
    return total / len(films), logits, base / len(films)
