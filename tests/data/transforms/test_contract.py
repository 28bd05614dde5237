"""What every transform promises; runs over all of ``conf/transform``."""

from typing import Any

import pytest
import torch

from cxr_xai.data.transforms.geometry import warp_boxes, warp_masks
from cxr_xai.data.transforms.probe import require_geometry
from cxr_xai.data.transforms.transform import Transform
from cxr_xai.experiments.build import build
from cxr_xai.types import Batch


@pytest.fixture
def transform(transform_settings: dict[str, Any]) -> Transform:
    built = build(transform_settings, "transform")
    assert isinstance(built, Transform)
    return built


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (24, 1, 32, 32), generator=generator, dtype=torch.uint8)
    index = torch.randperm(10**5, generator=generator)[:24]
    return Batch(index, image, torch.eye(24, 14))


def test_range_type_and_shape(transform: Transform, batch: Batch) -> None:
    out = transform(batch, 0)
    assert out.image.dtype == torch.float32
    assert out.image.shape == batch.image.shape
    assert out.image.min() >= 0
    assert out.image.max() <= 1


def test_index_and_target_pass_through_and_the_input_stays(transform: Transform, batch: Batch) -> None:
    before = batch.image.clone()
    out = transform(batch, 0)
    assert torch.equal(out.index, batch.index)
    assert torch.equal(out.target, batch.target)
    assert torch.equal(batch.image, before)


def test_a_function_of_epoch_and_study_alone(transform: Transform, batch: Batch) -> None:
    torch.manual_seed(1)
    first = transform(batch, 5)
    torch.manual_seed(2)
    for order in ([2, 0, 17], [5], list(reversed(range(24)))):
        part = transform(Batch(batch.index[order], batch.image[order], batch.target[order]), 5)
        torch.testing.assert_close(part.image, first.image[order], rtol=0, atol=1e-6)
        torch.testing.assert_close(
            transform.matrices(batch.index[order], 5), transform.matrices(batch.index, 5)[order], rtol=0, atol=0
        )


def test_a_repeated_call_repeats(transform: Transform, batch: Batch) -> None:
    assert torch.equal(transform(batch, 3).image, transform(batch, 3).image)


def test_epochs_seeds_and_studies_differ_where_anything_is_drawn(
    transform_settings: dict[str, Any], batch: Batch
) -> None:
    draws = "seed" in transform_settings
    seeds = [{"seed": seed} if draws else {} for seed in (0, 1)]
    films = [Batch(batch.index[:1] + step, batch.image[:1], batch.target[:1]) for step in (0, 1)]
    members = [build({**transform_settings, **seed}, "transform") for seed in seeds]
    images = [member(film, epoch).image for member in members for film in films for epoch in (0, 1)]
    for number, image in enumerate(images):
        assert all(((image - earlier).abs().max() > 0.01) == draws for earlier in images[:number])


def test_the_global_random_state_is_left_alone(transform: Transform, batch: Batch) -> None:
    before = torch.get_rng_state()
    transform(batch, 0)
    transform.mix(batch.index, 0, 10)
    assert torch.equal(torch.get_rng_state(), before)


def test_masks_stay_within_their_boxes(transform: Transform, batch: Batch) -> None:
    matrices = transform.matrices(batch.index, 2)
    assert matrices.shape == (24, 2, 3)
    masks = torch.zeros(24, 1, 64, 64, dtype=torch.bool)
    masks[:, :, 20:34, 28:50] = True
    boxes = warp_boxes(torch.tensor([[28.0, 20, 50, 34]]).expand(24, 4), matrices, 64)
    for mask, box in zip(warp_masks(masks, matrices)[:, 0], boxes, strict=True):
        rows, columns = torch.where(mask)
        found = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        # A pixel belongs to a mask if its center does, so it may lie half outside.
        assert (found[:2] >= box[:2] - 0.51).all()
        assert (found[2:] <= box[2:] + 0.51).all()


@pytest.mark.parametrize("size", [32, 128, 224])
def test_pixels_go_where_the_matrices_say(transform: Transform, size: int) -> None:
    assert require_geometry(transform, size) < 0.4


def test_mixing_is_declared(transform: Transform, batch: Batch) -> None:
    partners, weights = transform.mix(batch.index, 0, 10)
    assert partners.shape == weights.shape == (24,)
    assert transform.mixes == bool((weights < 1).any())


def test_an_empty_batch_stays_empty(transform: Transform) -> None:
    nothing = Batch(torch.arange(0), torch.zeros(0, 1, 32, 32, dtype=torch.uint8), torch.zeros(0, 14))
    assert transform(nothing, 0).image.shape == (0, 1, 32, 32)
