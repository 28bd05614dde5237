"""One affine matrix per image moves pixels, boxes and masks alike.

A matrix ``A`` of shape ``(2, 3)`` maps points of the old image to points of the new one, in coordinates from -1 (left
or top edge) to 1 (right or bottom edge): ``new = A[:, :2] @ old + A[:, 2]``. Films are square.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def make_affine(degrees: Tensor, translation: Tensor, scale: Tensor, shear: Tensor, flip: Tensor) -> Tensor:
    """Return ``(N, 2, 3)`` matrices: shear, scaling and rotation about the center, left-right flip, translation.

    Args:
        degrees: ``(N,)`` angles, counter-clockwise.
        translation: ``(N, 2)`` to the right and down, in shares of the side.
        scale: ``(N,)`` factors; above 1 enlarges.
        shear: ``(N,)`` angles in degrees by which vertical lines lean, their lower ends to the right.
        flip: ``(N,)`` bool.

    >>> zero, one = torch.zeros(1), torch.ones(1)
    >>> make_affine(one * 90, torch.tensor([[0.5, 0.0]]), one, zero, zero.bool()).round(decimals=4).tolist()
    [[[-0.0, 1.0, 1.0], [-1.0, -0.0, 0.0]]]
    """
    angle, lean = torch.deg2rad(degrees), torch.tan(torch.deg2rad(shear))
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    side = torch.where(flip, -1.0, 1.0)
    # Image rows grow downwards, so a counter-clockwise turn has +sin in the first row.
    first = torch.stack([side * cos, side * (sin + lean * cos), 2 * translation[:, 0]], dim=-1)
    second = torch.stack([-sin, cos - lean * sin, 2 * translation[:, 1]], dim=-1)
    return torch.stack([first, second], dim=-2)


def make_identity(count: int, device: torch.device | None = None) -> Tensor:
    """Return ``(count, 2, 3)`` matrices that move nothing."""
    return torch.eye(2, 3, device=device).repeat(count, 1, 1)


def invert(matrices: Tensor) -> Tensor:
    """Return the ``(N, 2, 3)`` matrices that lead back."""
    linear = torch.linalg.inv(matrices[:, :, :2])
    return torch.cat([linear, -linear @ matrices[:, :, 2:]], dim=-1)


def warp_images(images: Tensor, matrices: Tensor) -> Tensor:
    """Move ``(N, C, H, W)`` float images; what comes from outside the film is black."""
    return F.grid_sample(images, _origins(images, matrices), "bilinear", "zeros", align_corners=False)


def warp_masks(masks: Tensor, matrices: Tensor) -> Tensor:
    """Move ``(N, C, H, W)`` masks of bool or whole numbers up to 2²⁴; each pixel keeps one label, outside is 0."""
    labels = masks.float()
    return F.grid_sample(labels, _origins(labels, matrices), "nearest", "zeros", align_corners=False).to(masks.dtype)


def _origins(images: Tensor, matrices: Tensor) -> Tensor:
    """Return ``(N, H, W, 2)``: where the center of each new pixel was; sums of rows and columns, 20 × as fast as
    ``F.affine_grid``, which multiplies matrices pixel by pixel."""
    back = invert(matrices).to(images)
    x, y = (((torch.arange(n, device=images.device) + 0.5) * 2 / n - 1).to(images) for n in images.shape[:-3:-1])
    grid = images.new_empty(len(images), len(y), len(x), 2)
    for axis in (0, 1):
        a, b, shift = back[:, axis].unsqueeze(-1).unbind(1)
        torch.add((b * y + shift)[:, :, None], (a * x)[:, None, :], out=grid[..., axis])
    return grid


def warp_boxes(boxes: Tensor, matrices: Tensor, size: int) -> Tensor:
    """Move ``(N, 4)`` xyxy boxes, one per matrix: the tight box of the four moved corners, clipped to the image.

    A rotated rectangle is larger than its content: callers that need the lesion itself move a mask.
    """
    x0, y0, x1, y1 = (boxes * 2 / size - 1).unbind(-1)
    corners = torch.stack([torch.stack(c, -1) for c in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))], dim=1)
    moved = corners @ matrices[:, :, :2].transpose(1, 2) + matrices[:, None, :, 2]
    pixels = (moved + 1) * size / 2
    return torch.cat([pixels.amin(1), pixels.amax(1)], dim=-1).clamp(0, size)
