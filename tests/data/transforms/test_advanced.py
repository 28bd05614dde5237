"""Each option of the advanced transform, alone and together."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.transforms.advanced import AdvancedTransform
from cxr_xai.data.transforms.local_contrast import equalize_locally
from cxr_xai.data.transforms.mixing import draw_mixing
from cxr_xai.data.transforms.probe import probe_geometry
from cxr_xai.errors import UserError
from cxr_xai.types import Batch

OFF: dict[str, Any] = {
    "rotation": 0,
    "translation": 0,
    "scale": 0,
    "shear": 0,
    "gamma": 0,
    "local_contrast": 0,
    "noise": 0,
    "erasing": 0,
}


@pytest.fixture(scope="module")
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(50, 200, (40, 1, 32, 32), generator=generator, dtype=torch.uint8)
    return Batch(torch.arange(40), image, torch.zeros(40, 14))


def only(batch: Batch, **settings: Any) -> torch.Tensor:
    return AdvancedTransform(**{**OFF, **settings})(batch, 0).image


def test_nothing_asked_nothing_changed(batch: Batch) -> None:
    torch.testing.assert_close(only(batch), batch.image / 255, atol=1e-5, rtol=0)


def test_gamma_alone(batch: Batch) -> None:
    plain = batch.image / 255
    exponents = (only(batch, gamma=0.5).log() / plain.log()).flatten(1)
    torch.testing.assert_close(exponents.amin(1), exponents.amax(1), atol=1e-3, rtol=0)
    means = exponents.mean(1).log() / math.log(1.5)
    assert means.abs().max() <= 1.001
    assert means.min() < -0.8
    assert means.max() > 0.8


def test_local_contrast_alone(batch: Batch) -> None:
    """Changed films lie between the film and its equalization, by a weight of their own."""
    plain, equalized = batch.image / 255, equalize_locally(batch.image, 3.0)
    moved = (only(batch, local_contrast=0.5, clip_limit=3.0) - plain).flatten(1)
    whole = (equalized - plain).flatten(1)
    weights = (moved * whole).sum(1) / whole.square().sum(1)
    torch.testing.assert_close(moved, weights[:, None] * whole, atol=1e-4, rtol=0)
    chosen = weights > 1e-3
    assert 10 < chosen.sum() < 30
    assert weights.max() <= 1.001
    assert weights[chosen].std() > 0.15


def test_noise_alone(batch: Batch) -> None:
    grain = (only(batch, noise=0.05) - batch.image / 255).flatten(1)
    strengths = grain.std(1)
    assert strengths.max() < 0.05 * 1.1
    assert strengths.max() > 0.04
    assert strengths.min() < 0.01
    assert abs(grain.mean()) < 1e-3
    assert abs(torch.corrcoef(grain)).fill_diagonal_(0).max() < 5 / 1024**0.5


def test_erasing_alone(batch: Batch) -> None:
    plain, out = batch.image / 255, only(batch, erasing=0.5, erased_area=0.2)
    lost = ((out - plain).abs() > 1e-4).flatten(1)
    share = lost.float().mean(1)
    assert 10 < (share > 0).sum() < 30
    assert share.max() < 0.25
    for film, mean, gone in zip(out.flatten(1), plain.flatten(1).mean(1), lost, strict=True):
        torch.testing.assert_close(film[gone], mean.expand(int(gone.sum())), atol=1e-4, rtol=0)


def test_options_do_not_disturb_each_other(batch: Batch) -> None:
    transform, more = AdvancedTransform(), AdvancedTransform(mixup=0.2, noise=0.0, erasing=1.0, local_contrast=1.0)
    assert torch.equal(transform.matrices(batch.index, 3), more.matrices(batch.index, 3))
    assert torch.equal(transform.draw_exponents(batch.index, 3), more.draw_exponents(batch.index, 3))


def test_mixup_is_drawn_here_and_done_by_the_dataset(batch: Batch) -> None:
    transform = AdvancedTransform(mixup=0.2, seed=4)
    assert transform.mixes
    assert not AdvancedTransform().mixes
    for ours, theirs in zip(transform.mix(batch.index, 2, 9), draw_mixing(4, 2, batch.index, 9, 0.2), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(transform(batch, 0).image, AdvancedTransform(seed=4)(batch, 0).image)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotation", 200),
        ("translation", -0.1),
        ("scale", -0.1),
        ("shear", 90),
        ("gamma", -0.5),
        ("gamma", 4),
        ("local_contrast", 1.5),
        ("clip_limit", 0.5),
        ("clip_limit", 40),
        ("noise", 0.5),
        ("erasing", 2),
        ("erased_area", 0.01),
        ("erased_area", 0.5),
        ("mixup", -1),
        ("mixup", 11),
    ],
)
def test_out_of_range(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"transform\.{name} is {value:g}; it must lie between"):
        AdvancedTransform(**{name: value})


def test_too_far_from_the_middle() -> None:
    with pytest.raises(UserError, match=r"transform\.scale=0\.6 with transform\.translation=0\.15"):
        AdvancedTransform(scale=0.6, translation=0.15)


@settings(deadline=None, max_examples=25)
@given(
    rotation=st.floats(0, 45),
    translation=st.floats(0, 0.1),
    scale=st.floats(0, 0.3),
    shear=st.floats(0, 15),
    gamma=st.floats(0, 1),
    local_contrast=st.floats(0, 1),
    clip_limit=st.floats(1, 4),
    noise=st.floats(0, 0.1),
    erasing=st.floats(0, 1),
    erased_area=st.floats(0.02, 0.15),
    horizontal_flip=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_any_sensible_settings_together(**settings: Any) -> None:
    transform = AdvancedTransform(**settings)
    levels = torch.randint(0, 256, (3, 1, 32, 32), dtype=torch.uint8)
    out = transform(Batch(torch.arange(3), levels, torch.zeros(3, 14)), 1).image
    assert out.isfinite().all()
    assert out.min() >= 0
    assert out.max() <= 1
    assert probe_geometry(transform, 96) <= 0.5
