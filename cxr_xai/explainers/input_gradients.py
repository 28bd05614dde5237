"""What the logits of several findings say about a film, from one forward pass."""

from collections.abc import Iterable

import torch
from torch import Tensor


def input_gradients(logits: Tensor, films: Tensor, findings: Iterable[int], weight: Tensor | None = None) -> Tensor:
    """Return ``(N, F, H, W)``: the gradient of each finding's logits; a backward pass a finding, one graph for all.

    A logit that does not depend on the film has the gradient 0.

    Args:
        logits: ``(M, K)``, computed from ``films``; the graph is freed afterwards.
        films: ``(N, 1, H, W)``, requiring gradients. Where a film has several logits, its gradients add up.
        findings: columns of the logits.
        weight: ``(M,)`` factor of each row; None is 1.

    >>> film = torch.ones(1, 1, 1, 2, requires_grad=True)
    >>> input_gradients(film.flatten(1) * torch.tensor([3.0, 5.0]), film, [1, 0]).tolist()
    [[[[0.0, 5.0]], [[3.0, 0.0]]]]
    """
    columns = list(findings)
    factor = torch.ones_like(logits[:, 0]) if weight is None else weight
    maps = [
        torch.autograd.grad(logits[:, k], films, factor, retain_graph=place < len(columns) - 1, materialize_grads=True)[
            0
        ]
        for place, k in enumerate(columns)
    ]
    return torch.cat(maps, dim=1)
