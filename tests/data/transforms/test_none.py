"""Validation, test and explanations see the film as it is."""

import torch

from cxr_xai.data.transforms.none import NoTransform
from cxr_xai.types import Batch


def test_epochs_are_alike() -> None:
    batch = Batch(torch.arange(2), torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8), torch.zeros(2, 14))
    assert torch.equal(NoTransform()(batch, 0).image, NoTransform()(batch, 9).image)
    assert torch.equal(NoTransform()(batch, 0).image, batch.image / 255)


def test_nothing_moves_and_nothing_mixes() -> None:
    transform = NoTransform()
    assert torch.equal(transform.matrices(torch.arange(3), 1), torch.eye(2, 3).expand(3, -1, -1))
    assert not transform.mixes
    partners, weights = transform.mix(torch.arange(3), 0, 10)
    assert partners.tolist() == [0, 0, 0]
    assert weights.tolist() == [1, 1, 1]
