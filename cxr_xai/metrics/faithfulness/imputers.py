"""What stands in for removed pixels. Each rule leaves another trace, so curves are given for several.

A rule first makes what is the same for all masks of a film (``fill``), then fills a mask (``impute``).
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.blur import BLUR, blur_films


class Imputer(Protocol):
    """A rule for removed pixels."""

    name: str

    def fill(self, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` films → ``(N, 1, H, W)``, what does not depend on the mask."""
        ...

    def impute(self, image: Tensor, fill: Tensor, removed: Tensor) -> Tensor:
        """Return films with other gray levels where ``removed``, ``(N, 1, H, W)`` bool; the rest stays as it is."""
        ...


class MeanImputer:
    """The film's own mean gray level: removes everything, and draws an edge around it.

    >>> film = torch.tensor([[[[0.0, 1.0]]]])
    >>> MeanImputer().impute(film, MeanImputer().fill(film), torch.tensor([[[[False, True]]]])).tolist()
    [[[[0.0, 0.5]]]]
    """

    name = "mean"

    def fill(self, image: Tensor) -> Tensor:
        """Return the mean of each film, everywhere."""
        return image.mean(dim=(1, 2, 3), keepdim=True).expand_as(image)

    def impute(self, image: Tensor, fill: Tensor, removed: Tensor) -> Tensor:
        """Put the fill where pixels are removed."""
        return torch.where(removed, fill, image)


class BlurImputer:
    """The film under a Gaussian blur: keeps brightness and outline, takes texture and small structures.

    Source: Fong & Vedaldi, ICCV 2017 (https://arxiv.org/abs/1704.03296); Petsiuk et al., BMVC 2018
    (https://arxiv.org/abs/1806.07421) begin insertion from it.

    Args:
        share: standard deviation of the blur as a share of the film's shorter side.
    """

    name = "blur"

    def __init__(self, share: float = BLUR) -> None:
        self.share = share

    def fill(self, image: Tensor) -> Tensor:
        """Return the blurred films; beyond the border the film is reflected."""
        return blur_films(image, self.share * min(image.shape[-2:]))

    def impute(self, image: Tensor, fill: Tensor, removed: Tensor) -> Tensor:
        """Put the fill where pixels are removed."""
        return torch.where(removed, fill, image)


class NoisyLinearImputer:
    """ROAD's noisy linear interpolation: every removed pixel is the weighted mean of its neighbors, plus noise.

    Neither a hole nor its outline is left for the network to read. The linear system (a graph Laplacian: neighbors
    outside the film count for nothing) is solved by conjugate gradients, a whole batch at once. Where all is removed
    nothing is known, and the film's mean takes its place. A film whose system is not solved within the iterations is
    NaN: no answer is better than a wrong one.

    Source: Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022
    (https://arxiv.org/abs/2202.00449), section 4.

    Args:
        noise: standard deviation of the Gaussian noise, in gray levels of [0, 1]; the paper's .01.
        seed: of the noise, the same on every film.
        tolerance: of the solution's residual, relative.
    """

    name = "noisy_linear"

    def __init__(self, noise: float = 0.01, seed: int = 0, tolerance: float = 1e-4) -> None:
        self.noise, self.seed, self.tolerance = noise, seed, tolerance

    def fill(self, image: Tensor) -> Tensor:
        """Return the mean of each film, everywhere."""
        return image.mean(dim=(1, 2, 3), keepdim=True).expand_as(image)

    def impute(self, image: Tensor, fill: Tensor, removed: Tensor) -> Tensor:
        """Interpolate removed pixels and add noise to them."""
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(image.shape[-2:], generator=generator).to(image) * self.noise
        smooth = interpolate(image, fill, removed, self.tolerance)
        return torch.where(removed, smooth + noise, image)


def interpolate(image: Tensor, fill: Tensor, removed: Tensor, tolerance: float = 1e-4, most: int = 2000) -> Tensor:
    """Solve ``Σ_j w_ij (x_i - x_j) = 0`` for every removed pixel ``i`` over its neighbors ``j``, others fixed.

    Args:
        image: ``(N, 1, H, W)``.
        fill: ``(N, 1, H, W)`` the answer for a film that is removed wholly.
        removed: ``(N, 1, H, W)`` bool.
        tolerance: of the residual's norm, relative to that of the right side.
        most: iterations at most.

    Returns:
        ``(N, 1, H, W)``, equal to ``image`` outside the mask; NaN within it for films that are not solved.
    """
    solution, solved = _solve(image, fill, removed, tolerance, most)
    return solution.where(solved | ~removed, torch.nan)


def _solve(image: Tensor, fill: Tensor, removed: Tensor, tolerance: float, most: int) -> tuple[Tensor, Tensor]:
    """Return what the iterations came to, and ``(N, 1, 1, 1)`` whether its residual is within the tolerance."""
    all_removed = removed.flatten(1).all(1).view(-1, 1, 1, 1)  # without a known pixel the system is singular
    free = (removed & ~all_removed).to(image.dtype)
    degree = add_neighbors(torch.ones_like(image[:1]))
    right = free * add_neighbors(image * (1 - free))
    x = free * _guess(image, fill, removed, tolerance, most)
    residual = right - free * (degree * x - add_neighbors(x))
    bound, tiny = tolerance**2 * _dot(right, right), torch.finfo(x.dtype).tiny
    direction = residual / degree
    size = _dot(residual, direction)
    for _ in range(most):
        unsolved = _dot(residual, residual) > bound
        if not bool(unsolved.any()):
            break
        moved = free * (degree * direction - add_neighbors(direction))
        step = unsolved * size / _dot(direction, moved).clamp(min=tiny)  # a solved film stays, whoever else is not
        x, residual = x + step * direction, residual - step * moved
        scaled = residual / degree
        size, before = _dot(residual, scaled), size
        direction = scaled + size / before.clamp(min=tiny) * direction
    solution = torch.where(removed, torch.where(all_removed, fill, x), image)
    return solution, _dot(residual, residual) <= bound


COARSEST = 16
"""Pixels of the smaller side below which a film is not halved further for a first guess."""


def _guess(image: Tensor, fill: Tensor, removed: Tensor, tolerance: float, most: int) -> Tensor:
    """Return the solution on films of half the size, where a wide hole takes half the iterations."""
    if min(image.shape[-2:]) < 2 * COARSEST:
        return fill
    known = F.avg_pool2d((~removed).to(image.dtype), 2, ceil_mode=True)
    half = F.avg_pool2d(image * ~removed, 2, ceil_mode=True) / known.clamp(min=0.25)
    guess, _ = _solve(half, F.avg_pool2d(fill, 2, ceil_mode=True), known == 0, tolerance, most)
    return F.interpolate(guess, image.shape[-2:], mode="bilinear", align_corners=False)


def add_neighbors(x: Tensor) -> Tensor:
    """Return the weighted sum of each pixel's eight neighbors, ``(N, 1, H, W)``; there are none beyond the border.

    The weights are those of ``(1, 2, 1)`` twice, over 12, without the center.

    >>> add_neighbors(torch.ones(1, 1, 3, 3))[0, 0, :2, :2].mul(12).round().tolist()
    [[5.0, 8.0], [8.0, 12.0]]
    """
    across = 2 * x
    across[..., 1:] += x[..., :-1]
    across[..., :-1] += x[..., 1:]
    both = 2 * across
    both[..., 1:, :] += across[..., :-1, :]
    both[..., :-1, :] += across[..., 1:, :]
    return (both - 4 * x) / 12


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=(1, 2, 3), keepdim=True)


IMPUTERS: dict[str, type[MeanImputer] | type[BlurImputer] | type[NoisyLinearImputer]] = {
    imputer.name: imputer for imputer in (MeanImputer, BlurImputer, NoisyLinearImputer)
}
"""The family by name."""
