"""Resizing that treats rows and columns apart, as bilinear and nearest do: ``resize(h) = A h Bᵀ``.

Then the map of one node is the product of a profile down and a profile across, and what would take ``h·w`` maps of the
whole image takes ``h + w`` of them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.types import Resize

_SAME = 1e-5  # of maps in [0, 1]; single precision


class Profiles(NamedTuple):
    """What each node gives along the axes.

    Attributes:
        down: ``(h, H)`` float64, column ``i`` of ``A`` in row ``i``.
        across: ``(w, W)`` float64, likewise of ``B``.
    """

    down: Tensor
    across: Tensor


def check_size(resized: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the resized maps if they have the image's size.

    Raises:
        UserError: they have not.
    """
    if tuple(resized.shape[1:]) != size:
        raise UserError(f"resize gave maps of {tuple(resized.shape[1:])} pixels for an image of {size}; pass its size")
    return resized


def find_profiles(
    resize: Resize, grid: tuple[int, int], size: tuple[int, int], device: torch.device | None = None
) -> Profiles | None:
    """Return the profiles of a linear resizing that keeps constants, or None if it is not separable.

    It is asked for maps that are one in a single row or column, and tried on two maps of noise, which a resizing of
    another form does not pass.

    Args:
        resize: ``(P, h, w)`` to ``(P, H, W)``, linear.
        grid: ``(h, w)``.
        size: ``(H, W)`` of the image.
        device: where to work.

    Raises:
        UserError: ``resize`` does not give ``size``.

    >>> find_profiles(lambda maps: maps, (1, 2), (1, 2)).across.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    height, width = grid
    # asked one by one, so that no more than one image is held
    rows, columns = torch.eye(height, device=device), torch.eye(width, device=device)
    down = [check_size(resize(row[None, :, None].expand(1, height, width)), size)[0, :, 0] for row in rows]
    across = [resize(column[None, None, :].expand(1, height, width))[0, 0, :] for column in columns]
    found = Profiles(torch.stack(down).double(), torch.stack(across).double())
    noise = torch.rand(2, height, width, generator=torch.Generator().manual_seed(0)).to(device)
    same = torch.allclose(found.down.T @ noise.double() @ found.across, resize(noise).double(), rtol=0, atol=_SAME)
    return found if same else None
