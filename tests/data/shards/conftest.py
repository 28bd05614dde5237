"""A small phantom, its films in shards of seven."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("webdataset")

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.data.shards.write import write_shards

PATIENTS = {"train_val_patients": 16, "test_patients": 6, "film_size": 64}


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sharded") / "phantom"
    PhantomReader(**PATIENTS).read(root)
    return root


@pytest.fixture(scope="session")
def make_data(phantom_root: Path) -> Any:
    def make(**options: Any) -> ChestXrayDataModule:
        settings: dict[str, Any] = {"image_size": 32, "batch_size": 4, **options}
        return ChestXrayDataModule(phantom_root, PhantomReader(**PATIENTS), **settings)

    return make


@pytest.fixture(scope="session")
def folder(make_data: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shards") / "films"
    write_shards(make_data().film_table, 32, 7, place)
    return place
