"""How dense positive evidence is inside, beside how dense it is outside: chance is one half, whatever the box's size.

Under the plain share (``energy``) an even map costs one minus the box's area: .99 for a nodule, .7 for a heart, so
small boxes speak louder, and a map may please a large box by chance. Here the two densities are compared as a share,
``d_out / (d_in + d_out)``, which is one half for an even map and any box; it is the odds form of the area-corrected
energy that maps are scored by, with both sides corrected.
"""

from torch import Tensor

from cxr_xai.guidance.contract import FAINT, BoxGuidance


def energy_area(maps: Tensor, mask: Tensor) -> Tensor:
    """Return ``d_out / (d_in + d_out)``: 0 all inside, 1/2 as dense inside as outside, 1 all outside.

    ``d_in = sum(M · A⁺) / sum(M)`` and ``d_out = sum((1 - M) · A⁺) / sum(1 - M)``, with ``A⁺ = max(A, 0)``. Where the
    mask covers everything there is no outside, and the term is 0. A map without positive evidence costs 1/2, as an even
    one does, and has no gradient; a faint one lies between.

    Args:
        maps: ``(M, h, w)`` signed.
        mask: ``(M, h, w)`` in [0, 1].

    >>> import torch
    >>> mask = torch.tensor([[[0.5, 0.0], [0.0, 0.0]]])
    >>> even, dead, inside = torch.ones(1, 2, 2), -torch.ones(1, 2, 2), torch.tensor([[[3.0, 1.0], [1.0, 1.0]]])
    >>> [round(energy_area(map, mask).item(), 3) for map in (even, dead, inside)]
    [0.5, 0.5, 0.3]
    """
    positive = maps.clamp(min=0)
    outside = 1 - mask
    dense, sparse = (
        (positive * part).sum(dim=(1, 2)) / part.sum(dim=(1, 2)).clamp(min=LEAST) for part in (mask, outside)
    )
    # An even map of FAINT evidence has FAINT / cells in every cell; what is fainter is taken for nearly even.
    faint = FAINT / mask[0].numel() if len(mask) else FAINT
    missing = (2 * faint - (dense + sparse)).clamp(min=0) / 2
    cost = (sparse + missing) / (dense + sparse + 2 * missing)
    return cost * (outside.sum(dim=(1, 2)) > LEAST)


LEAST = 1e-3
"""Cells; a smaller part of the grid is none."""


class EnergyArea(BoxGuidance):
    """Evidence of a finding should be denser in its boxes than outside."""

    def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
        """``(M, h, w)`` maps and masks → ``(M,)`` in [0, 1]."""
        return energy_area(maps, mask)
