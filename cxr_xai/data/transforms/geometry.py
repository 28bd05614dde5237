"""One affine matrix per image moves pixels, boxes and masks alike.

A matrix ``A`` of shape ``(2, 3)`` maps points of the old image to points of the new one, in coordinates from -1 (left
or top edge) to 1 (right or bottom edge): ``new = A[:, :2] @ old + A[:, 2]``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def make_rotation(degrees: Tensor, flip: Tensor) -> Tensor:
    """Return ``(N, 2, 3)`` matrices: counter-clockwise rotation about the center, then a left-right flip.

    Args:
        degrees: ``(N,)`` angles.
        flip: ``(N,)`` bool.

    >>> make_rotation(torch.tensor([90.0]), torch.tensor([False])).round(decimals=4).tolist()
    [[[-0.0, 1.0, 0.0], [-1.0, -0.0, 0.0]]]
    """
    angle = torch.deg2rad(degrees)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    side = torch.where(flip, -1.0, 1.0)
    # Image rows grow downwards, so a counter-clockwise turn has +sin in the first row.
    first = torch.stack([side * cos, side * sin, zero], dim=-1)
    second = torch.stack([-sin, cos, zero], dim=-1)
    return torch.stack([first, second], dim=-2)


def invert(matrices: Tensor) -> Tensor:
    """Return the ``(N, 2, 3)`` matrices that lead back."""
    linear = torch.linalg.inv(matrices[:, :, :2])
    return torch.cat([linear, -linear @ matrices[:, :, 2:]], dim=-1)


def warp_images(images: Tensor, matrices: Tensor) -> Tensor:
    """Move ``(N, C, H, W)`` float images; what comes from outside the film is black."""
    grid = F.affine_grid(invert(matrices).to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def warp_boxes(boxes: Tensor, matrices: Tensor, size: int) -> Tensor:
    """Move ``(N, 4)`` xyxy boxes, one per matrix: the tight box of the four moved corners, clipped to the image.

    A rotated rectangle is larger than its content: callers that need the lesion itself move a mask.
    """
    x0, y0, x1, y1 = (boxes * 2 / size - 1).unbind(-1)
    corners = torch.stack([torch.stack(c, -1) for c in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))], dim=1)
    moved = corners @ matrices[:, :, :2].transpose(1, 2) + matrices[:, None, :, 2]
    pixels = (moved + 1) * size / 2
    return torch.cat([pixels.amin(1), pixels.amax(1)], dim=-1).clamp(0, size)
