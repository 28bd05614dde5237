"""The share of positive evidence that lies outside.

Source: Rao et al., Studying How to Efficiently and Effectively Guide Models with Explanations, ICCV 2023
(https://arxiv.org/abs/2303.11932): the energy-based pointing game, negated, as a loss.
"""

from torch import Tensor

from cxr_xai.guidance.contract import FAINT, BoxGuidance


def energy(maps: Tensor, mask: Tensor) -> Tensor:
    """Return ``1 - sum(M · A⁺) / max(sum(A⁺), FAINT)`` with ``A⁺ = max(A, 0)``: 0 all inside, 1 all outside.

    A map without positive evidence costs 1, as much as one with all of it outside, and has no gradient: whether there
    is evidence at all is for the loss of the labels to say. Below `FAINT` the cost grows to 1, and the gradient asks
    for more evidence inside.

    Args:
        maps: ``(M, h, w)`` signed.
        mask: ``(M, h, w)`` in [0, 1].

    >>> import torch
    >>> map, mask = torch.tensor([[[1.0, 3.0], [-9.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    >>> energy(map, mask).tolist(), energy(-map.abs(), mask).tolist()
    ([0.75], [1.0])
    """
    positive = maps.clamp(min=0)
    return 1 - (positive * mask).sum(dim=(1, 2)) / positive.sum(dim=(1, 2)).clamp(min=FAINT)


class Energy(BoxGuidance):
    """Evidence of a finding belongs into its boxes."""

    def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
        """``(M, h, w)`` maps and masks → ``(M,)`` in [0, 1]."""
        return energy(maps, mask)
