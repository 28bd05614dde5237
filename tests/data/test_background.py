"""Films to compare with: of the training part only, the same in every run, the first of a larger number."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cxr_xai.data.background import Backgrounds
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.transforms.advanced import AdvancedTransform
from cxr_xai.errors import UserError


@pytest.fixture
def data(small_release: Callable[..., Path]) -> ChestXrayDataModule:
    split = OfficialSplit(val_fraction=0.3)
    return ChestXrayDataModule(
        small_release(), NihReader(), split, AdvancedTransform(), image_size=32, batch_size=2, exclude=None
    )


def films_of(data: ChestXrayDataModule, part: str) -> list[torch.Tensor]:
    dataset = data.dataset(part)
    return list(data.plain(dataset.batch(dataset.rows), 0).image)


def test_real_films_of_the_training_part_and_no_other(data: ChestXrayDataModule) -> None:
    train, others = films_of(data, "train"), [*films_of(data, "val"), *films_of(data, "test")]
    background = Backgrounds(data)(len(train))
    assert background.image.shape == (len(train), 1, 32, 32)
    assert background.image.dtype == torch.float32
    for film in background.image:
        assert sum(torch.equal(film, other) for other in train) == 1, "plain, in spite of the training transform"
        assert not any(torch.equal(film, other) for other in others)


def test_fewer_are_the_first_of_more(data: ChestXrayDataModule) -> None:
    draw = Backgrounds(data)
    assert torch.equal(draw(1).image, draw(3).image[:1])
    assert torch.equal(draw(2).image, draw(3).image[:2])


def test_the_hash_is_over_the_bytes_in_their_order(data: ChestXrayDataModule) -> None:
    one, other = Backgrounds(data)(3), Backgrounds(data)(3)
    assert one.sha256 == other.sha256 == hashlib.sha256(one.image.numpy().tobytes()).hexdigest()
    assert one.sha256 != Backgrounds(data)(2).sha256


def test_the_order_of_the_table_does_not_matter(small_release: Callable[..., Path]) -> None:
    split = OfficialSplit(val_fraction=0.3)
    roots = [small_release("one"), small_release("other", edition="2017")]
    draws = [Backgrounds(ChestXrayDataModule(root, NihReader(), split, image_size=32)) for root in roots]
    assert draws[0](3).sha256 == draws[1](3).sha256


def test_too_many_or_none_are_refused(data: ChestXrayDataModule) -> None:
    with pytest.raises(UserError, match=r"1,000 films .* training part has \d; set explainer\.background_size"):
        Backgrounds(data)(1000)
    with pytest.raises(UserError, match="background of 0 films"):
        Backgrounds(data)(0)
