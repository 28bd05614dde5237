"""What every transform promises; runs over all of ``conf/transform``."""

from typing import Any

import pytest
import torch

from cxr_xai.experiments.build import build
from cxr_xai.types import Batch


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (4, 1, 32, 32), generator=generator, dtype=torch.uint8)
    return Batch(torch.tensor([7, 3, 900, 0]), image, torch.eye(4, 14))


def test_range_type_and_shape(transform_settings: dict[str, Any], batch: Batch) -> None:
    out = build(transform_settings, "transform")(batch, 0)
    assert out.image.dtype == torch.float32
    assert out.image.shape == batch.image.shape
    assert out.image.min() >= 0
    assert out.image.max() <= 1


def test_index_and_target_pass_through_and_the_input_stays(transform_settings: dict[str, Any], batch: Batch) -> None:
    before = batch.image.clone()
    out = build(transform_settings, "transform")(batch, 0)
    assert torch.equal(out.index, batch.index)
    assert torch.equal(out.target, batch.target)
    assert torch.equal(batch.image, before)


def test_a_function_of_epoch_and_study_alone(transform_settings: dict[str, Any], batch: Batch) -> None:
    transform = build(transform_settings, "transform")
    torch.manual_seed(1)
    first = transform(batch, 5)
    torch.manual_seed(2)
    order = [2, 0]
    alone = transform(Batch(batch.index[order], batch.image[order], batch.target[order]), 5)
    torch.testing.assert_close(alone.image, first.image[order], rtol=0, atol=1e-6)


def test_the_global_random_state_is_left_alone(transform_settings: dict[str, Any], batch: Batch) -> None:
    before = torch.get_rng_state()
    build(transform_settings, "transform")(batch, 0)
    assert torch.equal(torch.get_rng_state(), before)
