"""Rotation, brightness and contrast, as most of the field trains."""

from torch import Tensor

from cxr_xai.data.transforms.draws import Stream, draw_uniform
from cxr_xai.data.transforms.geometry import warp_images
from cxr_xai.data.transforms.motion import Motion
from cxr_xai.data.transforms.photometric import adjust_brightness_and_contrast, to_unit
from cxr_xai.data.transforms.transform import Transform, require_between


class StandardTransform(Transform):
    """Random rotation, brightness, contrast, and on request a left-right flip.

    Args:
        rotation: largest angle in degrees, to either side.
        brightness: largest shift of the gray level, of the full range.
        contrast: largest relative change of the distance to the image's mean.
        horizontal_flip: flip half of the images. Off, because it moves the heart to the right: situs is information.
        seed: names the streams of draws.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        brightness: float = 0.2,
        contrast: float = 0.2,
        horizontal_flip: bool = False,
        seed: int = 0,
    ) -> None:
        self.motion = Motion(rotation=rotation, horizontal_flip=horizontal_flip)
        require_between("brightness", brightness, 0, 0.5, "largest shift, of the gray range")
        require_between("contrast", contrast, 0, 1, "largest relative change; above 1 films become their negatives")
        self.brightness, self.contrast, self.seed = brightness, contrast, seed

    def matrices(self, index: Tensor, epoch: int) -> Tensor:
        """Return the ``(N, 2, 3)`` matrices that move pixels, boxes and masks alike."""
        return self.motion.draw(self.seed, epoch, index)

    def draw_tone(self, index: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Return brightness shifts ``(N,)`` and contrast factors ``(N,)``."""
        signed = 2 * draw_uniform(self.seed, epoch, index, 2, Stream.TONE) - 1
        return signed[:, 0] * self.brightness, 1 + signed[:, 1] * self.contrast

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        """Change the tone of the film, then move it: what comes from outside it stays black."""
        image = adjust_brightness_and_contrast(to_unit(films), *self.draw_tone(index, epoch))
        return warp_images(image, self.matrices(index, epoch))
