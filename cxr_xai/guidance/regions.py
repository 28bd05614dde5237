"""The share of positive evidence outside the part of the chest where a finding can be."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from cxr_xai.guidance.contract import Guidance, Needs
from cxr_xai.guidance.energy import energy


@dataclass(frozen=True)
class Regions(Guidance):
    """Evidence of a finding belongs where it can be: lungs and pleura, or the heart. No box is needed.

    The masks are large, and most of a good map lies within, so the term falls silent where ``energy`` would not.

    Args:
        masks: a folder of label images (``data/anatomy/folder.py``); ``atlas`` fits an average chest to each film,
            which is approximate; None takes the masks that the data know exactly, as a phantom does.
    """

    masks: str | None = None
    needs: ClassVar[Needs] = "regions"

    def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
        """``(M, h, w)`` maps and masks → ``(M,)`` in [0, 1]."""
        return energy(maps, mask)
