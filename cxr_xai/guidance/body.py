"""The share of evidence, of either sign, outside the body and on the film's border: letters, tubes' ends, edges."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from cxr_xai.guidance.contract import FAINT, Guidance, Needs


def body(maps: Tensor, mask: Tensor) -> Tensor:
    """Return ``sum((1 - M) |A|) / max(sum(|A|), FAINT)``: 0 all within the body, 1 all outside.

    Negative evidence counts too: a film is as wrongly called healthy by a letter in its corner as ill. A map that is 0
    everywhere costs nothing and has no gradient.

    Args:
        maps: ``(M, h, w)`` signed.
        mask: ``(M, h, w)`` in [0, 1], 1 within the body.

    >>> import torch
    >>> body(torch.tensor([[[1.0, -2.0], [0.0, 1.0]]]), torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])).tolist()
    [0.5]
    """
    strength = maps.abs()
    return (strength * (1 - mask)).sum(dim=(1, 2)) / strength.sum(dim=(1, 2)).clamp(min=FAINT)


@dataclass(frozen=True)
class Body(Guidance):
    """No finding lies outside the body; every film and finding is guided, for no label or box is needed."""

    needs: ClassVar[Needs] = "body"

    def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
        """``(M, h, w)`` maps and masks → ``(M,)`` in [0, 1]."""
        return body(maps, mask)
