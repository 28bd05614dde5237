"""Right for the right reasons: evidence outside is penalized, whatever its sign, and none is asked for inside.

Source: Ross, Hughes & Doshi-Velez, IJCAI 2017 (https://arxiv.org/abs/1703.03717), equation 2, on input gradients; as
RRR* on any attribution, Rao et al., ICCV 2023 (https://arxiv.org/abs/2303.11932). The exact map is linear in weights
and features, so one backward pass does, where input gradients need a second through the first.
"""

from torch import Tensor

from cxr_xai.guidance.contract import BoxGuidance


def rrr(maps: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over cells of ``((1 - M) · A · h · w)²``: squared logits, 0 where nothing lies outside.

    ``A · h · w`` is the logit (less its bias) that the film would have if every cell looked like this one: its mean
    over cells is the logit, so the term does not depend on how fine the grid is. A map with negative evidence alone is
    penalized for what of it lies outside.

    Args:
        maps: ``(M, h, w)`` signed.
        mask: ``(M, h, w)`` in [0, 1].

    >>> import torch
    >>> rrr(torch.tensor([[[1.0, -0.5], [9.0, 0.0]]]), torch.tensor([[[0.0, 0.0], [1.0, 0.0]]])).tolist()
    [5.0]
    """
    cells = maps.shape[-2] * maps.shape[-1]
    return ((1 - mask) * maps * cells).square().mean(dim=(1, 2))


class RRR(BoxGuidance):
    """There should be no evidence of a finding outside its boxes."""

    def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
        """``(M, h, w)`` maps and masks → ``(M,)``, 0 or more."""
        return rrr(maps, mask)
