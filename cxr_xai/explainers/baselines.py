"""Films from which evidence is removed: where integrated gradients begin, and what hidden parts show."""

from typing import Literal, get_args

import torch
from torch import Tensor

from cxr_xai.blur import BLUR, blur_films
from cxr_xai.errors import UserError

Fill = Literal["black", "mean", "blur"]
"""Gray level 0; each film's mean gray level; each film blurred."""


def require_fill(name: str, fill: str, others: tuple[str, ...] = ()) -> None:
    """Refuse a fill that there is not; ``name`` is what the setting is called."""
    known = (*get_args(Fill), *others)
    if fill not in known:
        raise UserError(f"{name}={fill}: there are {', '.join(known)}.")


def fill_films(image: Tensor, fill: Fill) -> Tensor:
    """``(N, 1, H, W)`` films → films of the same shape from which evidence is removed, each from its own film alone.

    >>> fill_films(torch.tensor([[[[0.0, 1.0]]]]), "mean").tolist()
    [[[[0.5, 0.5]]]]
    """
    if fill == "black":
        return torch.zeros_like(image)
    if fill == "mean":
        return image.mean(dim=(2, 3), keepdim=True).expand_as(image).contiguous()
    return blur_films(image, BLUR * min(image.shape[-2:]))
