"""Changes of gray levels, pure: ``(N, 1, H, W)`` images and one number per image."""

import torch
from torch import Tensor


def to_unit(image: Tensor) -> Tensor:
    """Turn ``(N, 1, H, W)`` uint8 gray levels into float32 in [0, 1].

    >>> to_unit(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    return image.float().div_(255)


def per_image(values: Tensor) -> Tensor:
    """Give ``(N,)`` values the shape ``(N, 1, 1, 1)``, to be applied to images."""
    return values.view(-1, 1, 1, 1)


def adjust_brightness_and_contrast(image: Tensor, shift: Tensor, factor: Tensor) -> Tensor:
    """Return ``clip((x - mean) factor + mean + shift)``, the mean that of each image.

    Args:
        image: in [0, 1].
        shift: ``(N,)``, of the gray range.
        factor: ``(N,)``, of the distance to the mean; 0 or more, or films become their own negatives.
    """
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    return torch.addcmul(mean - mean * per_image(factor) + per_image(shift), image, per_image(factor)).clamp_(0, 1)


def adjust_gamma(image: Tensor, exponent: Tensor) -> Tensor:
    """Return ``x ** exponent``; image in [0, 1], ``(N,)`` exponents above 0: below 1 brightens, 0 and 1 stay."""
    return image ** per_image(exponent)


def add_noise(image: Tensor, normal: Tensor, strength: Tensor) -> Tensor:
    """Return ``clip(x + strength * normal)``.

    Args:
        image: in [0, 1].
        normal: standard normal, of the shape of the image.
        strength: ``(N,)`` standard deviations, of the gray range.
    """
    return torch.addcmul(image, normal, per_image(strength)).clamp_(0, 1)
