"""The distance between the normalized positive map and the mask.

Source: Gao et al., Aligning Eyes between Humans and Deep Neural Network through Interactive Attention Alignment, 2022,
as generalized by Rao et al., ICCV 2023 (https://arxiv.org/abs/2303.11932).
"""

from torch import Tensor

from cxr_xai.guidance.contract import FAINT, BoxGuidance


def l1(maps: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over cells of ``|A⁺ / max(A⁺) - M|``: 0 where the map is the mask.

    It asks for evidence in all of the box, where ``energy`` is content with a part. A map without positive evidence
    costs the mask's area, less than many live maps, and has no gradient. Peaks below `FAINT` / cells are divided by
    that.

    Args:
        maps: ``(M, h, w)`` signed.
        mask: ``(M, h, w)`` in [0, 1].

    >>> import torch
    >>> map, mask = torch.tensor([[[2.0, 1.0], [-9.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    >>> l1(map, mask).tolist(), l1(-map.abs(), mask).tolist()
    ([0.375], [0.5])
    """
    positive = maps.clamp(min=0)
    peak = positive.amax(dim=(1, 2), keepdim=True).clamp(min=FAINT / max(maps[:1].numel(), 1))
    return (positive / peak - mask).abs().mean(dim=(1, 2))


class L1(BoxGuidance):
    """The map of a finding should be its boxes."""

    def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
        """``(M, h, w)`` maps and masks → ``(M,)`` in [0, 1]."""
        return l1(maps, mask)
