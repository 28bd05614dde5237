"""Rotation, brightness and contrast, as most of the field trains."""

from torch import Tensor

from cxr_xai.data.transforms.draws import draw_uniform
from cxr_xai.data.transforms.geometry import make_rotation, warp_images
from cxr_xai.data.transforms.none import to_unit
from cxr_xai.errors import UserError
from cxr_xai.types import Batch


class StandardTransform:
    """Random rotation, brightness, contrast, and on request a left-right flip.

    Args:
        rotation: largest angle in degrees, to either side.
        brightness: largest shift of the gray level, of the full range.
        contrast: largest relative change of the distance to the image's mean.
        horizontal_flip: flip half of the images. Off, because it moves the heart to the right: situs is information.
        seed: names the stream of draws.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        brightness: float = 0.2,
        contrast: float = 0.2,
        horizontal_flip: bool = False,
        seed: int = 0,
    ) -> None:
        if min(rotation, brightness, contrast) < 0:
            raise UserError("transform: rotation, brightness and contrast are largest changes and cannot be negative.")
        if contrast > 1:
            raise UserError(f"transform.contrast is {contrast}; above 1 some films would become their own negatives.")
        self.rotation, self.brightness, self.contrast = rotation, brightness, contrast
        self.horizontal_flip, self.seed = horizontal_flip, seed

    def draw(self, index: Tensor, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return matrices ``(N, 2, 3)``, brightness shifts ``(N,)`` and contrast factors ``(N,)``."""
        u = draw_uniform(self.seed, epoch, index, 4)
        signed = 2 * u - 1
        matrices = make_rotation(signed[:, 0] * self.rotation, (u[:, 1] < 0.5) & self.horizontal_flip)
        return matrices, signed[:, 2] * self.brightness, 1 + signed[:, 3] * self.contrast

    def __call__(self, batch: Batch, epoch: int) -> Batch:
        """Return the batch with changed float images in [0, 1]; a function of (seed, epoch, study) alone."""
        image = to_unit(batch.image)
        matrices, shift, factor = (drawn.to(image.device) for drawn in self.draw(batch.index.cpu(), epoch))
        mean = image.mean(dim=(1, 2, 3), keepdim=True)
        image = (image - mean) * factor.view(-1, 1, 1, 1) + mean + shift.view(-1, 1, 1, 1)
        return Batch(batch.index, warp_images(image.clamp_(0, 1), matrices), batch.target)
