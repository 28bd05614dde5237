"""The control that knows nothing: uniform noise on the grid, a draw of its own for every film and finding.

The draw hangs on the film's gray levels, not on its place in a batch or an epoch. One fixed draw for all films would be
cheaper, but it would be one sample: lucky or unlucky on all boxes at once, whatever the number of films.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cxr_xai.explainers.image_free import explain_by_grid
from cxr_xai.types import Explanation


def random_map(grid: tuple[int, int], key: str, seed: int = 0) -> Tensor:
    """Return ``(h, w)`` float32 noise, uniform in [0, 1), each cell on its own.

    Args:
        grid: ``(h, w)``.
        key: whose map it is; equal keys draw equal noise.
        seed: of all draws.

    >>> torch.equal(random_map((2, 2), "a"), random_map((2, 2), "a")), torch.equal(
    ...     random_map((2, 2), "a"), random_map((2, 2), "b")
    ... )
    (True, False)
    """
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    noise = np.random.default_rng(int.from_bytes(digest, "big")).random(grid, dtype=np.float32)
    return torch.from_numpy(noise)


def film_key(film: Tensor) -> str:
    """Name a film by its gray levels in 8 bits, so that rounding, device and precision do not matter.

    Args:
        film: ``(1, H, W)`` in [0, 1].
    """
    levels = (film.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return hashlib.sha256(levels.cpu().numpy().tobytes()).hexdigest()


class RandomMap:
    """Noise per film and finding, on the grid of the model's last feature map.

    Args:
        seed: of all draws.
    """

    name = "random_map"
    control = True

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` noise, ``(N, K)`` logits."""

        def draw(grid: tuple[int, int], columns: Sequence[int]) -> Tensor:
            keys = [f"{film} {column}" for film in map(film_key, image) for column in columns]
            noise = torch.stack([random_map(grid, key, self.seed) for key in keys])
            return noise.view(len(image), len(columns), *grid)

        return explain_by_grid(model, image, findings, draw)
