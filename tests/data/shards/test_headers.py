"""What only headers of films say travels with their shards: sizes, hence boxes, ages, sexes, views."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.rsna import RsnaReader
from cxr_xai.data.readers.vindr import VindrReader
from cxr_xai.data.shards.write import write_shards
from tests.data.readers.published import write_rsna, write_vindr

TRAIN = {
    f"{n:032x}": [(f"R{r}", [("Cardiomegaly", 20.0, 48.0, 60.0, 72.0 + r)], []) for r in (1, 2, 3)] for n in range(4)
}
TEST = {f"{n:032x}": ([("Edema", 8.0, 0.0, 72.0, 96.0)], []) for n in (8, 9)}


def make(root: Path, reader: Any, **options: Any) -> ChestXrayDataModule:
    return ChestXrayDataModule(root, reader, image_size=32, batch_size=2, **options)


@pytest.mark.parametrize("source", ["vindr", "rsna"])
def test_shards_tell_what_films_told(source: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    if source == "vindr":
        write_vindr(root, TRAIN, TEST)
        reader: Any = VindrReader()
    else:
        write_rsna(root, {f"{n:08d}-0000": [(256.0, 512.0, 256.0, 512.0)] * (n % 2) for n in range(6)})
        reader = RsnaReader(crosswalk="challenge")
    told = make(root, reader)
    studies, boxes = told.index.studies, told.index.boxes
    assert studies["age"].notna().any()
    assert (studies["sex"] != "").any()
    assert len(boxes)
    columns = ["image_id", "age", "sex", "view"]
    pd.testing.assert_frame_equal(reader.read_tables(root).studies[columns], studies[columns])
    write_shards(told.film_table, 32, 4, tmp_path / "shards")
    for place in (root / "train", root / "test", root / "stage_2_train_images"):
        shutil.rmtree(place, ignore_errors=True)  # they outgrow the disk
    for data in (make(root, reader, shards=tmp_path / "shards"), make(root, type(reader)(**blind(source)))):
        known = data.shards is not None
        if known or source == "rsna":
            pd.testing.assert_frame_equal(data.tables.boxes, boxes)
        else:
            assert data.tables.boxes.empty
        assert (data.tables.studies["age"].notna().sum() == studies["age"].notna().sum()) == known
    streamed = make(root, reader, shards=tmp_path / "shards")
    pd.testing.assert_frame_equal(streamed.index.studies[columns], studies[columns])
    assert streamed.index.present.all()
    unread = make(root, type(reader)(**blind(source)), shards=tmp_path / "shards")
    assert unread.tables.studies["age"].isna().all(), "headers: false"


def blind(source: str) -> dict[str, Any]:
    return {"headers": False, **({"crosswalk": "challenge"} if source == "rsna" else {})}
