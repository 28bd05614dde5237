"""What controls share whose maps come from the grid alone: of the network they need its size, and its logits."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from cxr_xai.explainers.contract import borrow, choose_findings
from cxr_xai.types import Explanation

Draw = Callable[[tuple[int, int], Sequence[int]], Tensor]
"""``((h, w), columns of the findings)`` → maps that can be spread over ``(N, F, h, w)``."""


def explain_by_grid(model: nn.Module, image: Tensor, findings: Sequence[int] | None, draw: Draw) -> Explanation:
    """Return ``(N, F, h, w)`` maps on the grid of the model's last feature map, and the model's ``(N, K)`` logits.

    Args:
        model: it is lent.
        image: ``(N, 1, H, W)`` films in [0, 1].
        findings: columns asked for; None means all.
        draw: makes the maps.
    """
    with borrow(model) as lent:
        features = lent.features(image.float())
        logits = lent.classify(features)
        columns = choose_findings(findings, logits.shape[1])
        grid = (features.shape[2], features.shape[3])
        maps = draw(grid, columns).to(image.device).expand(len(image), len(columns), *grid).clone()
        return Explanation(maps, logits)
