"""Everything that may change in a film without changing what it shows: place, tone, local contrast, noise, gaps."""

import torch
from torch import Tensor

from cxr_xai.data.transforms.draws import Stream, draw_normal, draw_uniform
from cxr_xai.data.transforms.erasing import SMALLEST_AREA, draw_rectangles, erase
from cxr_xai.data.transforms.geometry import warp_images
from cxr_xai.data.transforms.local_contrast import equalize_locally
from cxr_xai.data.transforms.motion import Motion
from cxr_xai.data.transforms.photometric import add_noise, adjust_gamma, per_image, to_unit
from cxr_xai.data.transforms.transform import Transform, require_between


class AdvancedTransform(Transform):
    """Local contrast and gamma on the film as stored, then motion, then noise and erasing on the film as seen.

    Args:
        rotation: largest angle in degrees, to either side.
        translation: largest shift in each direction, share of the side.
        scale: largest relative enlargement; shrinks by the inverse factor as often.
        shear: largest lean of verticals in degrees.
        gamma: exponents lie between ``1 / (1 + gamma)`` and ``1 + gamma``, darker and brighter as often.
        local_contrast: share of films with equalized local contrast, blended in with a drawn weight.
        clip_limit: of the local equalization, times a gray level's even share of a tile.
        noise: largest standard deviation of Gaussian noise, of the gray range.
        erasing: share of films that lose a rectangle, filled with the film's mean.
        erased_area: largest rectangle, share of the film.
        mixup: α of Beta(α, α), by which the dataset blends pairs of films and their targets; 0 blends none.
        horizontal_flip: flip half of the images. Off, because it moves the heart to the right: situs is information.
        seed: names the streams of draws.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        translation: float = 0.05,
        scale: float = 0.1,
        shear: float = 5.0,
        gamma: float = 0.3,
        local_contrast: float = 0.3,
        clip_limit: float = 2.0,
        noise: float = 0.03,
        erasing: float = 0.25,
        erased_area: float = 0.1,
        mixup: float = 0.0,
        horizontal_flip: bool = False,
        seed: int = 0,
    ) -> None:
        self.motion = Motion(rotation, translation, scale, shear, horizontal_flip)
        require_between("gamma", gamma, 0, 3, "exponents reach 1 + gamma")
        require_between("local_contrast", local_contrast, 0, 1, "share of films")
        require_between("clip_limit", clip_limit, 1, 10, "times an even share; more raises noise alone")
        require_between("noise", noise, 0, 0.1, "standard deviation, of the gray range")
        require_between("erasing", erasing, 0, 1, "share of films")
        require_between("erased_area", erased_area, SMALLEST_AREA, 0.3, "share of the film; longer ones do not fit")
        require_between("mixup", mixup, 0, 10, "α of Beta(α, α); 0 is off")
        self.gamma, self.local_contrast, self.clip_limit = gamma, local_contrast, clip_limit
        self.noise, self.erasing, self.erased_area = noise, erasing, erased_area
        self.mixup, self.seed = mixup, seed

    def matrices(self, index: Tensor, epoch: int) -> Tensor:
        """Return the ``(N, 2, 3)`` matrices that move pixels, boxes and masks alike."""
        return self.motion.draw(self.seed, epoch, index)

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        """Change the tone of the film, move it, then add noise and gaps to what is seen of it."""
        image = self._equalize(films, index, epoch)
        if self.gamma:
            image = adjust_gamma(image, self.draw_exponents(index, epoch))
        image = warp_images(image, self.matrices(index, epoch))
        if self.noise:
            grain = draw_normal(self.seed, epoch, index, image.shape[-2] * image.shape[-1], Stream.NOISE)
            image = add_noise(image, grain.view_as(image), self.draw_strengths(index, epoch))
        if self.erasing:
            image = erase(image, draw_rectangles(self.seed, epoch, index, self.erasing, self.erased_area))
        return image

    def draw_exponents(self, index: Tensor, epoch: int) -> Tensor:
        """Return ``(N,)`` exponents of the gray levels."""
        signed = 2 * draw_uniform(self.seed, epoch, index, 1, Stream.TONE)[:, 0] - 1
        return (1 + self.gamma) ** signed

    def draw_strengths(self, index: Tensor, epoch: int) -> Tensor:
        """Return ``(N,)`` standard deviations of the noise."""
        return self.noise * draw_uniform(self.seed, epoch, index, 1, Stream.NOISE_LEVEL)[:, 0]

    def _equalize(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        image = to_unit(films)
        chosen, weight = draw_uniform(self.seed, epoch, index, 2, Stream.LOCAL_CONTRAST).unbind(1)
        rows = torch.nonzero(chosen < self.local_contrast)[:, 0]
        if len(rows):
            equalized = equalize_locally(films[rows], self.clip_limit)
            image[rows] = torch.lerp(image[rows], equalized, per_image(weight[rows]))
        return image
