"""The control that always points at the middle of the film: a Gaussian, blind to film, model and finding.

Films are framed around the chest, so a map that prefers the middle scores without knowing anything. Source of the
idea: Judd et al., A Benchmark of Computational Models of Saliency to Predict Human Fixations, MIT 2012
(https://hdl.handle.net/1721.1/68590), where it beats most models.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.image_free import explain_by_grid
from cxr_xai.types import Explanation

SIGMA = 0.25
"""Of the side of the film: one standard deviation reaches halfway to the border."""


def center(grid: tuple[int, int], sigma: float = SIGMA) -> Tensor:
    """Return ``(h, w)`` float32 ``exp(-((x - ½)² + (y - ½)²) / (2 sigma²))`` in shares of a side.

    Args:
        grid: ``(h, w)``.
        sigma: above 0.

    >>> center((3, 3)).argmax().item()
    4
    """
    down, across = (torch.exp(-(((torch.arange(n) + 0.5) / n - 0.5) ** 2) / (2 * sigma**2)) for n in grid)
    return down[:, None] * across


class Center:
    """The same map for every film and finding, on the grid of the model's last feature map.

    Args:
        sigma: of the Gaussian, as a share of the film's side.

    Raises:
        UserError: sigma is not above 0.
    """

    name = "center"
    control = True

    def __init__(self, sigma: float = SIGMA) -> None:
        if not sigma > 0:
            raise UserError(f"explainer.sigma is {sigma}; it must be above 0 (a share of the film's side).")
        self.sigma = sigma

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` equal maps, ``(N, K)`` logits."""
        return explain_by_grid(model, image, findings, lambda grid, _: center(grid, self.sigma))
