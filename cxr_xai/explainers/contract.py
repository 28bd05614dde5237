"""What every explainer promises, and how it borrows the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from cxr_xai.types import Explanation


class PooledLinear(Protocol):
    """A network that ends in global average pooling and one linear layer."""

    head: nn.Linear

    def features(self, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` → ``(N, C, h, w)``."""
        ...


class Explainer(Protocol):
    """A member of the ``explainer`` group.

    The model is lent: its modes, gradients, buffers, hooks and all random states are afterwards as before.
    """

    name: str

    def explain(self, model: nn.Module, image: Tensor) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → maps of all findings."""
        ...


@contextmanager
def borrow(model: nn.Module) -> Iterator[nn.Module]:
    """Lend the model in evaluation mode, without gradients, in full precision; give every module its mode back.

    Also when the body raises.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    device = next(model.parameters()).device.type
    try:
        with torch.no_grad(), torch.autocast(device, enabled=False):
            yield model
    finally:
        for module, training in modes.items():
            module.training = training
