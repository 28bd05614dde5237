"""Mixup (Zhang et al., ICLR 2018, https://arxiv.org/abs/1710.09412): who is blended with whom, and how much."""

import math

import torch
from torch import Tensor

from cxr_xai.data.transforms.draws import Stream, draw_bits


def draw_mixing(seed: int, epoch: int, index: Tensor, size: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Return ``(N,)`` int64 partners in 0 … size - 1 and ``(N,)`` float32 weights ``max(λ, 1 - λ)``, λ ~ Beta(α, α).

    A study keeps the larger share of itself, so that its boxes and its place in the epoch remain its own. λ is drawn
    from two uniform numbers U and V without rejection (Devroye, "Random variate generation in one line of code", 1996),
    which gives every study the same number of draws: ``|λ - ½| = ½ / sqrt(1 + 1 / ((U^(-1/α) - 1) cos²(2πV)))``.
    """
    bits = draw_bits(seed, epoch, index, 3, Stream.MIXUP)
    u, v = ((bits[:, :2] >> 11).bitwise_and_(2**53 - 1).double() * 2**-53).unbind(1)
    spread = torch.expm1(-torch.log(u) / alpha) * torch.cos(2 * math.pi * v).square()
    weights = 0.5 + 0.5 / torch.sqrt(1 + 1 / spread)
    return bits[:, 2].bitwise_and(2**62 - 1) % size, weights.float()
