"""Occlusion: how much a finding's logit drops when a window of the film is hidden.

Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014
(https://arxiv.org/abs/1311.2901).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.baselines import Fill, fill_films, require_fill
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.perturbed import perturbed_logits
from cxr_xai.types import Explanation


class Occlusion:
    """Mean drop of the logit over the windows that cover a cell; one set of forward passes serves all findings.

    The film is divided into cells of a stride a side (they differ by a pixel where the side is no multiple), and a
    window is a square of whole cells. So the map's grid tiles the film, as the ceiling and the resizing assume; a grid
    of window positions would be shifted against it at the borders.

    Args:
        window: side of the window in pixels of the film, a multiple of the stride. Larger ones find larger evidence.
        stride: side of a cell. A film of ``H`` px has ``round(H / stride)`` cells a side.
        fill: what the window shows: a ``blur`` of the film or its ``mean`` gray, both of its exposure, or ``black``,
            which to a network is air with sharp edges.
        batch_size: most films in one pass (windows × films).

    Raises:
        UserError: a window that is no multiple of the stride, or an unknown fill.
    """

    name = "occlusion"

    def __init__(self, window: int = 16, stride: int = 8, fill: Fill = "blur", batch_size: int = 32) -> None:
        if stride < 1 or window < stride or window % stride:
            raise UserError(
                f"window={window}, stride={stride}: the window must be a multiple of the stride, such as 16, 8."
            )
        if batch_size < 1:
            raise UserError(f"batch_size={batch_size}: it must be 1 or more.")
        require_fill("fill", fill)
        self.window, self.stride, self.fill, self.batch_size = window, stride, fill, batch_size

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` mean drops of the logit, ``h = round(H / stride)``.

        Raises:
            UserError: a film smaller than the window.
        """
        height, width = image.shape[-2:]
        if min(height, width) < self.window:
            raise UserError(
                f"window={self.window}: the film has {height} × {width} px; use a window well below its shorter side."
            )
        with borrow(model) as lent:
            parts = [self._explain(lent, films) for films in torch.split(fresh(image), self.batch_size)]
            drops, logits = (torch.cat(column) for column in zip(*parts, strict=True))
            return Explanation(drops[:, choose_findings(findings, logits.shape[1])], logits)

    def _explain(self, lent: nn.Module, films: Tensor) -> tuple[Tensor, Tensor]:
        span = self.window // self.stride
        rows, columns = (self._cells(length).to(films.device) for length in films.shape[-2:])
        up, left = int(rows[-1]) + 2 - span, int(columns[-1]) + 2 - span  # window positions along both sides

        def hidden(some: slice) -> Tensor:
            place = torch.arange(some.start, some.stop, device=films.device)
            first_row, first_column = (place // left)[:, None], (place % left)[:, None]
            down = (rows >= first_row) & (rows < first_row + span)
            across = (columns >= first_column) & (columns < first_column + span)
            return (down[:, :, None] & across[:, None, :])[:, None]

        logits = lent(films)
        under = perturbed_logits(lent, films, fill_films(films, self.fill), hidden, up * left, self.batch_size)
        drops = (logits - under).permute(1, 2, 0).reshape(len(films), -1, up, left)
        return mean_over_windows(drops, span), logits

    def _cells(self, length: int) -> Tensor:
        """Return the cell of each pixel along a side."""
        cells = max(round(length / self.stride), self.window // self.stride)
        return torch.arange(length) * cells // length


def mean_over_windows(drops: Tensor, span: int) -> Tensor:
    """``(N, K, p, q)`` per window position → ``(N, K, p + span - 1, q + span - 1)`` per cell.

    >>> mean_over_windows(torch.tensor([[[[2.0, 4.0]]]]), 2).tolist()
    [[[[2.0, 3.0, 4.0], [2.0, 3.0, 4.0]]]]
    """
    kernel = torch.ones(1, 1, span, span, device=drops.device)
    single = drops.flatten(0, 1)[:, None]
    total = F.conv_transpose2d(single, kernel)
    covering = F.conv_transpose2d(torch.ones_like(single[:1]), kernel)
    mean: Tensor = total / covering
    return mean.reshape(*drops.shape[:2], *mean.shape[2:])
