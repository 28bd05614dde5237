"""Changes of gray levels, worked out by hand."""

import torch

from cxr_xai.data.transforms.photometric import add_noise, adjust_brightness_and_contrast, adjust_gamma, to_unit

IMAGE = torch.tensor([0.0, 0.2, 0.4, 1.0]).view(1, 1, 2, 2)  # mean 0.4
TWICE = IMAGE.expand(2, -1, -1, -1)


def test_gray_levels_become_shares() -> None:
    levels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    assert to_unit(levels).flatten().tolist() == torch.tensor([0, 0.2, 1]).tolist()
    assert levels.flatten().tolist() == [0, 51, 255]


def test_brightness_and_contrast() -> None:
    out = adjust_brightness_and_contrast(TWICE, torch.tensor([0.1, -0.1]), torch.tensor([0.5, 1.5]))
    torch.testing.assert_close(out[0].flatten(), torch.tensor([0.3, 0.4, 0.5, 0.8]))
    torch.testing.assert_close(out[1].flatten(), torch.tensor([0.0, 0.0, 0.3, 1.0]))  # 1.2 and -0.3 are clipped


def test_gamma() -> None:
    out = adjust_gamma(TWICE, torch.tensor([2, 0.5]))
    torch.testing.assert_close(out[0].flatten(), torch.tensor([0, 0.04, 0.16, 1]))
    torch.testing.assert_close(out[1].flatten(), torch.tensor([0, 0.2**0.5, 0.4**0.5, 1]))


def test_noise() -> None:
    normal = torch.tensor([1.0, 1, -1, 2]).view(1, 1, 2, 2).expand(2, -1, -1, -1)
    out = add_noise(TWICE, normal, torch.tensor([0.1, 0]))
    torch.testing.assert_close(out[0].flatten(), torch.tensor([0.1, 0.3, 0.3, 1]))
    assert torch.equal(out[1:], IMAGE)
