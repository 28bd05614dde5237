"""Logits of films with parts hidden, for all findings at once."""

from collections.abc import Callable

import torch
from torch import Tensor


def perturbed_logits(
    predict: Callable[[Tensor], Tensor],
    image: Tensor,
    fill: Tensor,
    hidden: Callable[[slice], Tensor],
    total: int,
    batch_size: int,
) -> Tensor:
    """Return ``(M, N, K)`` logits of every film under every one of ``M = total`` masks.

    Args:
        predict: ``(N, 1, H, W)`` → ``(N, K)``.
        image: ``(N, 1, H, W)`` films.
        fill: of the same shape: what stands where something is hidden.
        hidden: some of the masks → ``(m, N or 1, H, W)`` bool, True where hidden.
        total: number of masks.
        batch_size: most films in one pass, unless ``N`` is larger.
    """
    at_once = max(batch_size // len(image), 1)
    logits = []
    for start in range(0, total, at_once):
        mask = hidden(slice(start, min(start + at_once, total)))
        films = torch.where(mask[:, :, None], fill, image)
        logits.append(predict(films.flatten(0, 1)).view(*films.shape[:2], -1))
    return torch.cat(logits)
