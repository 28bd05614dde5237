"""The control that knows where lungs are: two fixed ellipses, blind to film, model and finding.

The ellipses have the moments of the average lungs of the chest phantom (1,000 healthy films, the mean of both sides,
one mirrored), which lie on the lungs of the mean of real films. No box was looked at.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cxr_xai.explainers.image_free import explain_by_grid
from cxr_xai.types import Explanation

CENTER = (0.294, 0.453)
"""``(x, y)`` of the lung on the left of the film, in shares of a side; the other one is its mirror image."""

SEMI_AXES = (0.173, 0.346)
"""Across and along."""

TILT = 13.3
"""Degrees by which the lower end leans away from the midline."""

_FINE = 8  # points per cell and axis at which inside and outside are told apart


def two_lungs(grid: tuple[int, int]) -> Tensor:
    """Return ``(h, w)`` float32 in [0, 1]: the share of each cell that lies in one of the ellipses.

    Args:
        grid: ``(h, w)``.

    >>> (two_lungs((7, 7)) > 0.5).int()[3].tolist()
    [0, 1, 1, 0, 1, 1, 0]
    """
    height, width = grid
    y, x = ((torch.arange(n * _FINE) + 0.5) / (n * _FINE) for n in grid)
    away, down = CENTER[0] - torch.minimum(x, 1 - x), (y - CENTER[1])[:, None]
    angle = torch.deg2rad(torch.tensor(TILT))
    along = down * angle.cos() + away * angle.sin()
    across = away * angle.cos() - down * angle.sin()
    inside = (across / SEMI_AXES[0]) ** 2 + (along / SEMI_AXES[1]) ** 2 <= 1
    return inside.float().view(height, _FINE, width, _FINE).mean((1, 3))


class TwoLungs:
    """The same map for every film and finding, on the grid of the model's last feature map."""

    name = "two_lungs"
    control = True

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` equal maps, ``(N, K)`` logits."""
        return explain_by_grid(model, image, findings, lambda grid, _: two_lungs(grid))
