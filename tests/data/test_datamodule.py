"""From a folder to batches: one source, split and cached."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cxr_xai.data.balancing.plan import TrainingPart
from cxr_xai.data.balancing.pos_weight import PosWeight
from cxr_xai.data.balancing.sampler import Sampler
from cxr_xai.data.balancing.smote import Smote
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.films.decode import decode_film
from cxr_xai.data.films.files import Selection
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.box_halves import box_half
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.data.transforms.advanced import AdvancedTransform
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


def test_what_is_held_out_is_predicted_too(make: Make) -> None:
    module = make(split=KFoldSplit(k=2, pool="train_val", val_fraction=0.3))
    val, test, external = map(rows_of, module.predict_dataloader())
    assert (val, test) == (module.dataset("val").rows.tolist(), module.dataset("test").rows.tolist())
    assert module.index.studies["official"].iloc[external].tolist() == ["test"] * 3
    assert not set(external) & set(rows_of(module.train_dataloader()))


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
    part = TrainingPart(module.index.targets[rows], Selection(module.films, rows))
    expected = PosWeight(cap=50).plan(part).pos_weight
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


@pytest.mark.parametrize("cached", [True, False])
def test_a_broken_film_is_left_out_and_said(make: Make, tmp_path: Path, cached: bool) -> None:
    whole = make()
    row = whole.dataset("train").rows[0]
    Path(whole.index.studies["path"].iloc[row]).write_bytes(b"torn")
    module = make(cache_dir=tmp_path / "cache" if cached else None)
    assert module.quarantine[["image_id", "reason"]].to_numpy().tolist() == [
        [whole.index.studies["image_id"].iloc[row], "not an image"]
    ]
    assert module.index.counts["films in quarantine"] == 1
    assert row not in module.dataset("train").rows
    assert len(module.dataset("train")) == len(whole.dataset("train")) - 1
    others = module.dataset("train").rows
    assert torch.equal(module.dataset_of(others).batch(others).image, make().dataset_of(others).batch(others).image)
    assert module.split.hash == whole.split.hash


def test_a_film_that_stands_under_two_patients_is_left_out(make: Make) -> None:
    module = make()
    paths = module.source.studies.set_index("image_id")["path"]
    Path(paths["00000002_000.png"]).write_bytes(Path(paths["00000006_000.png"]).read_bytes())
    again = make()
    assert again.quarantine["image_id"].tolist() == ["00000002_000.png", "00000006_000.png"]
    assert set(again.quarantine["reason"]) == {"same film under 2 patients"}


def test_a_list_by_hand_is_left_out(make: Make, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image_id,reason\n00000002_000.png,rotated\n")
    module = make(exclude=tmp_path / "list.csv")
    assert module.quarantine["reason"].tolist() == ["rotated"]
    assert "00000002_000.png" not in set(module.index.studies["image_id"][module.index.present])


def test_a_copy_in_dicom_is_served_alike(make: Make) -> None:
    before = make()
    rows = before.dataset("train").rows
    films = before.dataset_of(rows).batch(rows).image
    for name in before.source.studies["path"].dropna():
        path = Path(name)
        pixels = decode_film(path.read_bytes()).pixels
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID, data.PatientName = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3", "Doe^Jane"
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME1", 0
        data.Rows, data.Columns = pixels.shape
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        data.WindowCenter, data.WindowWidth, data.VOILUTFunction = 2040, 4080, "LINEAR_EXACT"
        data.PixelData = ((255 - pixels.astype(np.uint16)) * 16).tobytes()
        dcmwrite(path.with_suffix(".dcm"), data, enforce_file_format=True)
        path.unlink()
    after = make()
    assert torch.equal(after.dataset_of(rows).batch(rows).image, films)
    assert set(after.facts["mode"]) == {"DICOM"}


def test_a_copy_without_a_sound_film_is_refused(make: Make) -> None:
    for path in make().source.studies["path"].dropna():
        Path(path).write_bytes(b"")
    with pytest.raises(UserError, match="the copy is broken"):
        _ = make().index


def test_both_editions_of_the_labels_share_a_store(small_release: Callable[..., Path], tmp_path: Path) -> None:
    folders = set()
    for edition in ("v2020", "2017"):
        root = small_release("one", edition=edition) if edition == "v2020" else small_release("two", edition=edition)
        for path in root.rglob("*.png"):
            os.utime(path, ns=(0, 0))
        module = ChestXrayDataModule(root, NihReader(), image_size=32, cache_dir=tmp_path / "cache")
        assert module.store is not None
        folders.add(module.store.folder)
        image = module.index.studies["image_id"].eq("00000003_007.png").to_numpy().argmax()
        film = module.dataset_of(np.array([image])).batch(np.array([image])).image
        assert int(film.float().mean()) == 67  # films are brighter by their number
    assert len(folders) == 1


def test_training_serves_synthetic_studies_and_no_other_part_does(make: Make) -> None:
    module = make(balancing=Smote(findings=["Infiltration", "Cardiomegaly"], k=1))
    real, trained = module.dataset("train"), module.training_set()
    assert module.plan.synthetic is not None
    assert len(trained) == len(real) + len(module.plan.synthetic) > len(real)
    served = list(module.train_dataloader())
    numbers = torch.cat([batch.index for batch in served])
    assert sorted(numbers.tolist()) == sorted([*real.rows, *range(10, 10 + len(module.plan.synthetic))])
    positives = torch.cat([batch.target for batch in served]).mean(dim=0)
    np.testing.assert_allclose(positives, module.drawn_prevalence, atol=1e-6)
    assert len(module.dataset("val")) == len(make().dataset("val"))


def test_mixup_reaches_the_loader(make: Make) -> None:
    module = make(transform=AdvancedTransform(mixup=0.4))
    targets = torch.cat([batch.target for batch in module.train_dataloader()])
    assert ((targets > 0) & (targets < 1)).any()
    assert set(torch.cat([batch.target for batch in module.val_dataloader()]).unique().tolist()) <= {0.0, 1.0}


def test_preparing_checks_the_store(make: Make, tmp_path: Path) -> None:
    module = make(cache_dir=tmp_path / "cache", transform=StandardTransform())
    module.prepare_data()
    assert 0 <= module.geometry < 0.5
    assert module.store is not None
    array = module.store.folder / "films.npy"
    raw = bytearray(array.read_bytes())
    raw[-1] ^= 255
    array.write_bytes(raw)
    with pytest.raises(UserError, match="does not match its manifest"):
        make(cache_dir=tmp_path / "cache").prepare_data()


def test_the_real_sample_is_served(shared: Path) -> None:
    module = ChestXrayDataModule(shared / "nih-chestxray14", NihReader(), image_size=64)
    sizes = {part: len(module.dataset(part)) for part in ("train", "val", "test")}
    assert sum(sizes.values()) == 160
    assert sizes["test"] == 23
    assert sum(len(module.boxed_rows(half)) for half in ("monitored", "sealed")) == 6
    batch = module.dataset("test").__getitems__([0, 1])
    assert batch.image.shape == (2, 1, 64, 64)
