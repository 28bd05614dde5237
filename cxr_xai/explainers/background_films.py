"""What the methods that compare with real films share: the films, drawn once and fitted to the image."""

from functools import cached_property

import torch.nn.functional as F
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.types import DrawBackground


class BackgroundFilms:
    """Films of the training part, drawn when they are first needed and then kept.

    Args:
        draw: gives the films for their number.
        count: how many.
    """

    def __init__(self, draw: DrawBackground, count: int) -> None:
        if count < 1:
            raise UserError(f"explainer.background_size is {count}; it must be 1 or more.")
        self._draw, self.count = draw, count

    @cached_property
    def films(self) -> Tensor:
        """``(B, 1, H, W)`` float32 on the CPU, as they were drawn."""
        return self._draw(self.count).image

    def like(self, image: Tensor) -> Tensor:
        """Return ``(B, 1, H, W)`` films of the image's size, on its device; films of another size are resized."""
        films = self.films.detach().clone().float().to(image.device)
        if films.shape[-2:] != image.shape[-2:]:
            films = F.interpolate(films, image.shape[-2:], mode="bilinear", align_corners=False, antialias=True)
        return films
