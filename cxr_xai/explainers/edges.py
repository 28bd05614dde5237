"""The control that looks at the film and at no model: where gray levels change most.

Source of the control: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018 (https://arxiv.org/abs/1810.03292),
whose edge detector looks as convincing as many explanations. Gradient: Sobel's operator.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cxr_xai.explainers.contract import borrow, choose_findings
from cxr_xai.types import Explanation


def edges(image: Tensor) -> Tensor:
    """Return ``(N, H, W)`` gradient magnitudes per pixel; the border is repeated outwards and makes no edge.

    Args:
        image: ``(N, 1, H, W)``.

    >>> edges(torch.tensor([[[[0.0, 0.0, 1.0, 1.0]] * 3]]))[0, 1].tolist()
    [0.0, 0.5, 0.5, 0.0]
    """
    rise, weigh = torch.tensor([-1.0, 0.0, 1.0]) / 2, torch.tensor([1.0, 2.0, 1.0]) / 4
    across = weigh[:, None] * rise
    kernels = torch.stack([across, across.T])[:, None].to(image.device)
    slopes = F.conv2d(F.pad(image.float(), (1, 1, 1, 1), mode="replicate"), kernels)
    magnitude: Tensor = torch.linalg.vector_norm(slopes, dim=1)
    return magnitude


class Edges:
    """The film's edges, the same for every finding; a film of one gray level has a dead map."""

    name = "edges"
    control = True

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` magnitudes, ``(N, K)`` logits."""
        with borrow(model) as lent:
            logits = lent(image.float())
            columns = len(choose_findings(findings, logits.shape[1]))
            maps = edges(image)[:, None].expand(-1, columns, -1, -1).clone()
            return Explanation(maps, logits)
