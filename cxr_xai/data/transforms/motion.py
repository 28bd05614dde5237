"""How far films may move in training."""

from dataclasses import dataclass

from torch import Tensor

from cxr_xai.data.transforms.draws import Stream, draw_uniform
from cxr_xai.data.transforms.geometry import make_affine
from cxr_xai.data.transforms.transform import require_between
from cxr_xai.errors import UserError


@dataclass(frozen=True)
class Motion:
    """Largest changes of place; each film draws its own between them, uniformly.

    Attributes:
        rotation: degrees to either side.
        translation: share of the side, in each direction.
        scale: 0.25 enlarges or shrinks by a factor of up to 1.25, both as likely.
        shear: degrees by which verticals lean to either side.
        horizontal_flip: flip half of the films left to right.
    """

    rotation: float = 0.0
    translation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    horizontal_flip: bool = False

    def __post_init__(self) -> None:
        """Refuse what leaves too little of the chest in view."""
        require_between("rotation", self.rotation, 0, 180, "degrees to either side")
        require_between("translation", self.translation, 0, 0.25, "share of the side")
        require_between("scale", self.scale, 0, 1, "largest relative enlargement")
        require_between("shear", self.shear, 0, 30, "degrees")
        if (1 + self.scale) / 2 + 2 * self.translation > 1:
            raise UserError(
                f"transform.scale={self.scale:g} with transform.translation={self.translation:g} can push the middle "
                "half of a film out of view; keep (1 + scale) / 2 + 2 translation at 1 or below."
            )

    def draw(self, seed: int, epoch: int, index: Tensor) -> Tensor:
        """Return one ``(2, 3)`` matrix per study, ``(N, 2, 3)`` in all."""
        signed = 2 * draw_uniform(seed, epoch, index, 6, Stream.MOTION) - 1
        return make_affine(
            degrees=signed[:, 0] * self.rotation,
            flip=(signed[:, 1] < 0) & self.horizontal_flip,
            translation=signed[:, 2:4] * self.translation,
            scale=(1 + self.scale) ** signed[:, 4],
            shear=signed[:, 5] * self.shear,
        )
