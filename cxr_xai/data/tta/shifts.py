"""The film, and the film moved a little to its four sides."""

import torch
from torch import Tensor

from cxr_xai.data.transforms.geometry import make_affine
from cxr_xai.data.tta.contract import Predict, average_views
from cxr_xai.errors import UserError

SIDES = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""To the right and down."""


class Shifts:
    """Averages logits over five views: where a finding falls on the network's grid matters less.

    Views are moved by whole pixels, so none is blurred. Maps stay those of the plain film: a mean of moved maps has no
    logit that it adds up to.

    Args:
        shift: of the side; rounded to pixels, at least one.
        horizontal_flip: mirror every view, too. Off, because it moves the heart to the right: situs is information.
    """

    def __init__(self, shift: float = 0.02, horizontal_flip: bool = False) -> None:
        if not 0 < shift <= 0.1:
            raise UserError(f"tta.shift is {shift:g}; it must lie above 0 and up to 0.1 (of the side).")
        self.shift, self.horizontal_flip = shift, horizontal_flip
        mirrored = ", and mirrored" if horizontal_flip else ""
        self.label = f"mean logit of the film and of its shifts by {shift:g} of the side{mirrored}"

    def matrices(self, size: int) -> Tensor:
        """Return the ``(V, 2, 3)`` matrices of the views of films of ``size`` pixels; the first moves nothing."""
        step = max(1, round(self.shift * size)) / size
        sides = torch.tensor(SIDES * (1 + self.horizontal_flip)) * step
        flip = torch.arange(len(sides)) >= len(SIDES)
        still = torch.zeros(len(sides))
        return make_affine(still, sides, still + 1, still, flip)

    def __call__(self, predict: Predict, image: Tensor) -> Tensor:
        """``(N, 1, S, S)`` films → ``(N, K)`` logits."""
        return average_views(predict, image, self.matrices(image.shape[-1]))
