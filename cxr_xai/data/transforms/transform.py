"""What every transform offers: changed films, and the matrices by which it moved them."""

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from torch import Tensor

from cxr_xai.data.transforms.geometry import make_identity
from cxr_xai.data.transforms.mixing import draw_mixing
from cxr_xai.errors import UserError
from cxr_xai.types import Batch

PIECE = 2**19
"""Pixels that a processor changes at a time, so that its cache holds them; accelerators take the whole batch."""


class Transform(ABC):
    """Training randomness for a whole batch on its device; every draw is a function of (seed, epoch, study).

    Attributes:
        seed: names the streams of draws.
        mixup: α of Beta(α, α), by which the dataset blends pairs of studies; 0 blends none.
    """

    seed: int = 0
    mixup: float = 0.0

    def __call__(self, batch: Batch, epoch: int) -> Batch:
        """Return the batch with changed float32 images in [0, 1]; all else as it was."""
        films, index = batch.image, batch.index.to(batch.image.device)
        pixels = films.shape[-2] * films.shape[-1]
        count = max(1, PIECE // pixels) if films.device.type == "cpu" else max(1, len(films))
        pieces = zip(torch.split(films, count), torch.split(index, count), strict=True)
        return replace(batch, image=torch.cat([self.apply(film, study, epoch) for film, study in pieces]))

    @abstractmethod
    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        """Change films, all of them on their device at once; a film never depends on its neighbors.

        Args:
            films: ``(N, 1, S, S)`` uint8 gray levels; they stay as they are.
            index: ``(N,)`` int64, the studies.
            epoch: of training.

        Returns:
            ``(N, 1, S, S)`` float32 in [0, 1].
        """

    def matrices(self, index: Tensor, epoch: int) -> Tensor:
        """Return the ``(N, 2, 3)`` matrices that move pixels, boxes and masks alike (``geometry``).

        Args:
            index: ``(N,)`` int64, the studies.
            epoch: of training.
        """
        return make_identity(len(index), index.device)

    @property
    def mixes(self) -> bool:
        """Whether the dataset shall blend studies."""
        return self.mixup > 0

    def mix(self, index: Tensor, epoch: int, size: int) -> tuple[Tensor, Tensor]:
        """Draw whom each study is blended with: the films before the call, the targets alike.

        Args:
            index: ``(N,)`` int64, the studies.
            epoch: of training.
            size: how many partners there are to choose from.

        Returns:
            ``(N,)`` int64 numbers of the partners, from 0 to size - 1, and ``(N,)`` float32 weights of the studies
            themselves, in [0.5, 1]: ``film = weight * own + (1 - weight) * partner``.
        """
        if not self.mixes:
            return torch.zeros_like(index), torch.ones(len(index), device=index.device)
        return draw_mixing(self.seed, epoch, index, size, self.mixup)


def require_between(name: str, value: float, low: float, high: float, unit: str) -> None:
    """Refuse a setting out of range.

    Raises:
        UserError: names the key, the value, the range and its unit.
    """
    if not low <= value <= high:
        raise UserError(f"transform.{name} is {value:g}; it must lie between {low:g} and {high:g} ({unit}).")
