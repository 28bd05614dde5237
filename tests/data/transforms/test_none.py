"""Validation, test and explanations see the film as it is."""

import torch

from cxr_xai.data.transforms.none import NoTransform, to_unit
from cxr_xai.types import Batch


def test_gray_levels_become_shares() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    assert to_unit(image).flatten().tolist() == torch.tensor([0.0, 0.2, 1.0]).tolist()
    assert image.flatten().tolist() == [0, 51, 255]


def test_epochs_are_alike() -> None:
    batch = Batch(torch.arange(2), torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8), torch.zeros(2, 14))
    assert torch.equal(NoTransform()(batch, 0).image, NoTransform()(batch, 9).image)
