"""What every member of the ``tta`` group offers, and the average itself."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from cxr_xai.data.transforms.geometry import make_identity, warp_images

Predict = Callable[[Tensor], Tensor]
"""``(N, 1, H, W)`` films in [0, 1] → ``(N, K)`` logits."""

PLAIN = "none"
"""What certificates say of predictions from the plain film alone."""


class Tta(Protocol):
    """Views of a film whose logits are averaged, always the same ones.

    Attributes:
        label: says what is averaged, for certificates and protocols; tables do not mix labels.
    """

    label: str

    def __call__(self, predict: Predict, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` films → ``(N, K)`` logits."""
        ...


def average_views(predict: Predict, image: Tensor, matrices: Tensor) -> Tensor:
    """Return the mean of the logits of all views, float32: view after view, so that memory stays that of one.

    Args:
        predict: films → logits.
        image: ``(N, 1, H, W)`` in [0, 1].
        matrices: ``(V, 2, 3)`` on the CPU, by which the views are moved (``data/transforms/geometry.py``); what comes
            from outside a film is black.

    >>> average_views(lambda film: film[:, 0, :, 0].float(), torch.ones(1, 1, 2, 2), torch.eye(2, 3)[None])
    tensor([[1., 1.]])
    """
    total, still = torch.zeros((), device=image.device), make_identity(1)[0]
    for matrix in matrices:
        view = image  # to the bit, where nothing moves
        if not torch.equal(matrix, still):
            view = warp_images(image, matrix.to(image.device).expand(len(image), 2, 3))
        total = total + predict(view).float()
    return total / len(matrices)
