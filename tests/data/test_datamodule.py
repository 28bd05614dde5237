"""From a folder to batches: one source, split and cached."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from cxr_xai.data.balancing.pos_weight import PosWeight
from cxr_xai.data.balancing.sampler import Sampler
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.box_halves import box_half
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.errors import UserError
from cxr_xai.types import Batch

Make = Callable[..., ChestXrayDataModule]


@pytest.fixture
def make(small_release: Callable[..., Path]) -> Make:
    root = small_release()

    def build(**options: Any) -> ChestXrayDataModule:
        settings = {"split": OfficialSplit(val_fraction=0.3), "image_size": 32, "batch_size": 2, **options}
        return ChestXrayDataModule(root, NihReader(), **settings)

    return build


def attach(module: ChestXrayDataModule, training: bool = True, epoch: int = 0, rank: int = 0, world: int = 1) -> None:
    module.trainer = SimpleNamespace(training=training, current_epoch=epoch, global_rank=rank, world_size=world)


def rows_of(loader: Any) -> list[int]:
    return [int(row) for batch in loader for row in batch.index]


def test_batches_hold_the_studies_of_their_part(make: Make) -> None:
    module = make()
    batch = next(iter(module.train_dataloader()))
    assert isinstance(batch, Batch)
    assert batch.image.shape == (2, 1, 32, 32)
    assert batch.image.dtype == torch.uint8
    np.testing.assert_array_equal(batch.target, module.index.targets[batch.index])
    val, test = module.predict_dataloader()
    assert rows_of(val) == module.dataset("val").rows.tolist() == rows_of(module.val_dataloader())
    assert module.index.studies["official"].iloc[rows_of(test)].unique().tolist() == ["test"]


def test_a_row_without_a_film_is_never_served(make: Make) -> None:
    module = make()
    absent = np.flatnonzero(~module.index.present)
    assert len(absent) == 1
    served = [rows_of(module.train_dataloader()), *map(rows_of, module.predict_dataloader())]
    assert sorted(row for rows in served for row in rows) == sorted(set(range(10)) - set(absent.tolist()))


def test_with_and_without_the_cache_alike(make: Make, tmp_path: Path) -> None:
    direct, cached = make(), make(cache_dir=tmp_path / "cache")
    cached.prepare_data()
    assert len(list((tmp_path / "cache").iterdir())) == 1
    for part in ("train", "val", "test"):
        one, other = (module.dataset(part) for module in (direct, cached))
        batches = [d.batch(d.rows) for d in (one, other)]
        assert torch.equal(batches[0].image, batches[1].image)


def test_the_order_of_training_belongs_to_the_epoch(make: Make) -> None:
    loader = make().train_dataloader()
    orders = set()
    for epoch in range(4):
        loader.sampler.set_epoch(epoch)
        orders.add(tuple(rows_of(loader)))
        assert tuple(rows_of(loader)) in orders
    assert len(orders) > 1


def test_only_training_is_transformed(make: Make) -> None:
    module = make(transform=StandardTransform())
    batch = next(iter(module.train_dataloader()))
    plain = batch.image / 255
    attach(module, training=False, epoch=3)
    torch.testing.assert_close(module.on_after_batch_transfer(batch, 0).image, plain)
    attach(module, training=True, epoch=3)
    moved = module.on_after_batch_transfer(batch, 0).image
    assert not torch.allclose(moved, plain, atol=0.01)
    assert torch.equal(moved, StandardTransform()(batch, 3).image)
    module.trainer = None
    torch.testing.assert_close(module.on_after_batch_transfer(batch, 0).image, plain)


def test_balancing_sees_only_the_training_studies_that_are_served(make: Make) -> None:
    module = make(balancing=PosWeight(cap=50))
    rows = module.dataset("train").rows
    expected = PosWeight(cap=50).plan(module.index.targets[rows]).pos_weight
    assert torch.equal(module.plan.pos_weight, expected)
    assert make(balancing=Sampler()).plan.draw_weights.shape == (len(rows),)
    np.testing.assert_allclose(make().prevalence, module.index.targets[rows].mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("balancing", [None, Sampler()])
def test_two_ranks_share_the_order_of_one(make: Make, balancing: Any) -> None:
    module = make(balancing=balancing, batch_size=1)
    whole = rows_of(module.train_dataloader())
    shares = []
    for rank in range(2):
        attach(module, rank=rank, world=2)
        shares.append(rows_of(module.train_dataloader()))
    joined = [row for pair in zip(*shares, strict=True) for row in pair]
    assert joined[: len(whole)] == whole
    assert len(joined) - len(whole) in (0, 1)


def test_a_last_training_batch_of_one_is_dropped(make: Make) -> None:
    module = make()
    count = len(module.dataset("train"))
    for size in range(2, count + 1):
        module.batch_size = size
        lengths = [len(batch.index) for batch in module.train_dataloader()]
        assert min(lengths) > 1 or count <= size
        assert sum(lengths) == count - (count % size == 1)
    module.batch_size = 1
    assert len(module.train_dataloader()) == count
    assert len(rows_of(module.val_dataloader())) == len(module.dataset("val"))


def test_boxed_halves_are_test_studies_with_a_film(make: Make) -> None:
    module = make()
    halves = {half: module.boxed_rows(half) for half in ("monitored", "sealed")}
    images = module.index.studies["image_id"]
    assert sorted(images.iloc[np.concatenate(list(halves.values()))]) == ["00000004_000.png", "00000005_000.png"]
    for half, rows in halves.items():
        assert all(box_half(patient) == half for patient in module.index.studies["patient_id"].iloc[rows])
    Path(module.index.studies["path"].iloc[int(images[images == "00000005_000.png"].index[0])]).unlink()
    again = make()
    assert sum(len(again.boxed_rows(half)) for half in halves) == 1


def test_a_part_without_films_is_refused(make: Make, small_release: Callable[..., Path]) -> None:
    root = small_release("partial")
    for path in root.glob("images_*/images/0000000[45]_*.png"):
        path.unlink()
    module = ChestXrayDataModule(root, NihReader(), OfficialSplit(val_fraction=0.3))
    with pytest.raises(
        UserError, match=r"split=official leaves no image for test: .*partial holds 6 of 10 films; unpack"
    ):
        _ = module.split


def test_a_partial_copy_is_split_as_the_whole(make: Make, small_release: Callable[..., Path]) -> None:
    root = small_release("partial", flat=True)
    (root / "images" / "00000001_000.png").unlink()
    options = {"split": PatientSplit((0.4, 0.3, 0.3))}
    partial = ChestXrayDataModule(root, NihReader(), **options)
    assert partial.split.hash == make(**options).split.hash


def test_a_tiny_image_is_refused(make: Make) -> None:
    with pytest.raises(UserError, match=r"datamodule\.image_size is 16"):
        make(image_size=16)


def test_a_broken_film_is_named(make: Make) -> None:
    module = make()
    row = module.dataset("train").rows[0]
    Path(module.index.studies["path"].iloc[row]).write_bytes(b"torn")
    with pytest.raises(UserError, match="cannot be decoded"):
        module.dataset("train")[0]


def test_the_real_sample_is_served(shared: Path) -> None:
    module = ChestXrayDataModule(shared / "nih-chestxray14", NihReader(), image_size=64)
    sizes = {part: len(module.dataset(part)) for part in ("train", "val", "test")}
    assert sum(sizes.values()) == 160
    assert sizes["test"] == 23
    assert sum(len(module.boxed_rows(half)) for half in ("monitored", "sealed")) == 6
    batch = module.dataset("test").__getitems__([0, 1])
    assert batch.image.shape == (2, 1, 64, 64)
