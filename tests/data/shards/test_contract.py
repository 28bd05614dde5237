"""The same batches as from files and from the mapped store, and errors that a person can mend."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cxr_xai.data.balancing.sampler import Sampler
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.loader import StudyLoader
from cxr_xai.data.shards.layout import FACTS, MANIFEST, open_shards
from cxr_xai.data.shards.order import LANES
from cxr_xai.data.shards.read import ShardFilms
from cxr_xai.errors import UserError
from cxr_xai.experiments.certify import hash_data
from cxr_xai.files import hash_file, read_json, write_json
from cxr_xai.types import Batch


def studies(batches: Any) -> dict[int, tuple[bytes, bytes]]:
    found = {}
    for batch in batches:
        assert isinstance(batch, Batch)
        assert (batch.index.dtype, batch.image.dtype, batch.target.dtype) == (torch.int64, torch.uint8, torch.float32)
        assert batch.image.shape == (len(batch.index), 1, 32, 32)
        for row, image, target in zip(batch.index.tolist(), batch.image, batch.target, strict=True):
            assert row not in found, "each study once"
            found[row] = (image.numpy().tobytes(), target.numpy().tobytes())
    return found


@pytest.fixture(params=["files", "store", "shards", "pipe"])
def data(request: pytest.FixtureRequest, make_data: Any, folder: Path, tmp_path: Path) -> ChestXrayDataModule:
    made: ChestXrayDataModule = {
        "files": lambda: make_data(),
        "store": lambda: make_data(cache_dir=tmp_path),
        "shards": lambda: make_data(shards=folder),
        "pipe": lambda: make_data(shards=folder, shard_url=f"pipe:cat {folder}/{{}}"),
    }[request.param]()
    return made


def test_batches_are_the_same_studies_films_and_targets(data: ChestXrayDataModule, make_data: Any) -> None:
    plain = make_data()
    assert hash_data(data) == hash_data(plain), "the same data, however they are stored"
    assert data.split.hash == plain.split.hash
    for loader, other in (
        (data.train_dataloader(), plain.train_dataloader()),
        (data.val_dataloader(), plain.val_dataloader()),
        *zip(data.predict_dataloader(), plain.predict_dataloader(), strict=True),
    ):
        assert studies(loader) == studies(other)
        assert len(loader) == len(other), "as many steps"
    rows = data.dataset("test").rows[[3, 0, 2]]
    torch.testing.assert_close(data.dataset_of(rows).batch(rows).image, plain.dataset_of(rows).batch(rows).image)


def test_an_epoch_reads_each_shard_once(make_data: Any, folder: Path) -> None:
    data = make_data(shards=folder)
    read = len(np.unique(data.shards.shard[data._film_numbers[data.dataset("train").rows]]))
    studies(data.train_dataloader())
    assert read <= data.films.opened <= read + LANES, "those at the seams of lanes may be read again"


@pytest.mark.parametrize("workers", [0, 2])
def test_a_cut_epoch_goes_on_and_workers_change_nothing(make_data: Any, folder: Path, workers: int) -> None:
    whole = list(make_data(shards=folder).train_dataloader())
    loader = make_data(shards=folder, num_workers=workers).train_dataloader()
    assert isinstance(loader, StudyLoader)
    first = iter(loader)
    for _ in range(3):
        next(first)
    state = loader.state_dict()
    other = make_data(shards=folder, num_workers=workers).train_dataloader()
    other.load_state_dict(state)
    rest = list(other)
    assert len(rest) == len(whole) - 3
    for one, two in zip(rest, whole[3:], strict=True):
        assert torch.equal(one.index, two.index)
        assert torch.equal(one.image, two.image)
    with pytest.raises(UserError, match="films lie in other shards than when this run was cut off"):
        make_data().train_dataloader().load_state_dict(state)


def test_what_needs_films_out_of_turn_is_refused(make_data: Any, folder: Path) -> None:
    with pytest.raises(UserError, match="this balancing draws films out of turn"):
        make_data(shards=folder, balancing=Sampler()).train_dataloader()
    with pytest.raises(UserError, match="num_workers=5: shards are read in 8 lanes"):
        _ = make_data(shards=folder, num_workers=5).shards


def rewrite(path: Path, change: Callable[[int, str, bytes], bytes | None]) -> None:
    """Change a shard; a change is told the place of the sample, the kind of its file, and its content."""
    with tarfile.open(path) as tar:
        members = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    with tarfile.open(path, "w") as tar:
        for number, (name, content) in enumerate(members):
            if (changed := change(number // 2, name.partition(".")[2], content)) is not None:
                info = tarfile.TarInfo(name)
                info.size = len(changed)
                tar.addfile(info, io.BytesIO(changed))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda n, kind, x: None if (n, kind) == (0, "png") else x, r"\d{9} has no png"),
        (lambda n, kind, x: None if (n, kind) == (0, "json") else x, r"\d{9} has no json"),
        (lambda n, kind, x: None if n == 6 else x, r"6 of 7 films are there"),
        (
            lambda n, kind, x: json.dumps({"image_id": "9_9.png"}).encode() if (n, kind) == (0, "json") else x,
            r"it holds 9_9\.png as film \d+, which the manifest does not know there",
        ),
        (lambda n, kind, x: x[:-20] + b"x" * 20 if (n, kind) == (3, "png") else x, r"does not match its checksum"),
    ],
    ids=["no film", "no name", "film gone", "unknown film", "changed film"],
)
def test_damaged_shards_are_named(folder: Path, tmp_path: Path, change: Any, match: str) -> None:
    shutil.copytree(folder, tmp_path / "films")
    path = tmp_path / "films" / "films-00000.tar"
    rewrite(path, change)
    manifest = read_json(tmp_path / "films" / MANIFEST)
    manifest["shards"][0]["bytes"] = path.stat().st_size
    write_json(tmp_path / "films" / MANIFEST, manifest)
    shards = open_shards(tmp_path / "films", 32)
    with pytest.raises(UserError, match=rf"films-00000\.tar is damaged: .*{match}.*scripts/shards\.py makes it again"):
        ShardFilms(shards)[np.flatnonzero(shards.shard == 0)]


def test_a_stream_that_ends_early(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "films")
    path = tmp_path / "films" / "films-00000.tar"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    url = f"pipe:cat {tmp_path}/films/{{}}"
    shards = open_shards(tmp_path / "films", 32, url)
    with pytest.raises(UserError, match=r"is damaged: "):
        ShardFilms(shards)[np.flatnonzero(shards.shard == 0)]
    assert hash_file(folder / FACTS) == read_json(folder / MANIFEST)["facts_sha256"]
