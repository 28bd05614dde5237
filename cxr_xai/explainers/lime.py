"""LIME: a linear model of which segments of the film matter, fitted to the network around that film.

Source: Ribeiro et al., "Why Should I Trust You?", KDD 2016 (https://arxiv.org/abs/1602.04938). Kernel and its width are
those of its image explainer, which takes the root of the kernel of its tables: hence the 2.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.baselines import Fill, fill_films, require_fill
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.perturbed import perturbed_logits
from cxr_xai.explainers.superpixels import Superpixels
from cxr_xai.types import Explanation


def draw_presence(samples: int, segments: int, seed: int) -> Tensor:
    """Return ``(samples, segments)`` bool: which are shown; all in the first row, half of them by lot in the others."""
    generator = torch.Generator().manual_seed(seed)
    shown = torch.rand(samples, segments, generator=generator) < 0.5
    shown[0] = True
    return shown


def locality(shown: Tensor, width: float) -> Tensor:
    """``(M, S)`` presence → ``(M,)`` weights ``exp(-d² / (2 width²))``, ``d`` the cosine distance to showing all.

    >>> locality(torch.tensor([[True, True], [False, False]]), 1.0).tolist()
    [1.0, 0.6065306663513184]
    """
    distance = 1 - shown.double().mean(dim=1).sqrt()
    return torch.exp(-((distance / width) ** 2) / 2).float()


def fit_ridge(design: Tensor, answer: Tensor, weight: Tensor, penalty: float) -> Tensor:
    """Return ``(S, ...)`` slopes that minimize ``Σ w (y - a - z·b)² + penalty |b|²``; the intercept ``a`` goes free.

    Args:
        design: ``(M, S)``.
        answer: ``(M, ...)``, any number of answers to the same design.
        weight: ``(M,)``.
        penalty: of the squared slopes; above 0 the solution is unique.
    """
    z, y, w = design.double(), answer.double().flatten(1), weight.double()[:, None]
    z, y = z - (w * z).sum(0) / w.sum(), y - (w * y).sum(0) / w.sum()
    gram = z.T @ (w * z) + penalty * torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    slopes: Tensor = torch.linalg.solve(gram, z.T @ (w * y))
    return slopes.reshape(-1, *answer.shape[1:]).float()


class Lime:
    """A segment's slope is what showing it adds to the logit; one set of forward passes serves all findings.

    Films with the same number of segments are perturbed by the same draws: all films under ``grid``.

    Args:
        segments: ``grid`` cells or ``slic`` superpixels (`Superpixels`).
        count: of segments.
        samples: perturbed films for each film, the whole film among them; more than there are segments.
        seed: of the draws.
        fill: what hidden segments show.
        penalty: of the ridge.
        width: of the locality kernel in cosine distance.
        batch_size: most films in one pass (samples × films).

    Raises:
        UserError: too few samples, or a setting that cannot be.
    """

    name = "lime"

    def __init__(
        self,
        segments: Literal["grid", "slic"] = "grid",
        count: int = 49,
        samples: int = 256,
        seed: int = 0,
        fill: Fill = "blur",
        penalty: float = 1.0,
        width: float = 0.25,
        batch_size: int = 32,
    ) -> None:
        require_fill("fill", fill)
        for key, value in (("penalty", penalty), ("width", width), ("batch_size", batch_size)):
            if value <= 0:
                raise UserError(f"{key}={value}: it must be above 0.")
        self.superpixels, self.samples, self.seed, self.fill = Superpixels(segments, count), samples, seed, fill
        self.penalty, self.width, self.batch_size = penalty, width, batch_size
        self._require_samples(count)

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` slopes, on cells under ``grid``, else on pixels."""
        with borrow(model) as lent:
            films = fresh(image)
            grid = self.superpixels.kind == "grid"
            parts = [self._explain(lent, part) for part in torch.split(films, self.batch_size if grid else 1)]
            maps, logits = (torch.cat(column) for column in zip(*parts, strict=True))
            return Explanation(maps[:, choose_findings(findings, logits.shape[1])], logits)

    def _explain(self, lent: nn.Module, films: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps and logits of films with one number of segments."""
        labels = self.superpixels(films)
        count = int(labels.max()) + 1
        self._require_samples(count)
        shown = draw_presence(self.samples, count, self.seed).to(films.device)
        under = perturbed_logits(
            lent,
            films,
            fill_films(films, self.fill),
            lambda some: ~shown[some][:, labels],
            self.samples,
            self.batch_size,
        )
        slopes = fit_ridge(shown, under, locality(shown, self.width), self.penalty).permute(1, 2, 0)
        if self.superpixels.kind == "grid":
            side = self.superpixels.side
            return slopes.reshape(*slopes.shape[:2], side, side), under[0]
        where = labels[:, None].flatten(2).expand(-1, slopes.shape[1], -1)
        return slopes.gather(2, where).reshape(*slopes.shape[:2], *labels.shape[1:]), under[0]

    def _require_samples(self, count: int) -> None:
        if self.samples <= count:
            raise UserError(f"samples={self.samples}: too few for {count} segments; use {4 * count} or more.")
