"""A source made ready: what is found, where it is written, what a second call does."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.prepared_folder import PreparedFolder
from cxr_xai.data.splits.file import FileSplit
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.prepare import run_prepare
from cxr_xai.files import read_json
from cxr_xai.findings import FINDINGS

Prepare = Callable[..., PreparedFolder]
COUNT = 48


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """24 patients with two films each, like chests in that the middle is bright; one film of each kind of trouble."""
    random, root = np.random.default_rng(0), tmp_path / "nih"
    (root / "images").mkdir(parents=True)
    rows = []
    for number in range(COUNT):
        patient, follow = divmod(number, 2)
        name = f"{patient + 1:08d}_{follow:03d}.png"
        rows.append(f"{name},{FINDINGS[number % 14]},{follow},{patient + 1},50,M,PA,64,64,0.1,0.1")
        columns = 40 + 170 * np.exp(-((np.linspace(-1, 1, 96) / 0.4) ** 2))
        own = cv2.resize(random.normal(0, 25, (8, 8)).astype(np.float32), (96, 96))
        cv2.imwrite(str(root / "images" / name), np.clip(columns + own, 0, 255).astype(np.uint8))
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,a,b,c,d\n"
    (root / "Data_Entry_2017_v2020.csv").write_text(header + "\n".join(rows) + "\n")
    (root / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000018_001.png,Mass,100,100,200,200\n"
    )
    names = [row.split(",")[0] for row in rows]
    (root / "train_val_list.txt").write_text("\n".join(names[:32]))
    (root / "test_list.txt").write_text("\n".join(names[32:]))
    film = lambda patient, follow: root / "images" / f"{patient:08d}_{follow:03d}.png"  # noqa: E731
    film(1, 0).write_bytes(film(1, 0).read_bytes()[:500])
    film(2, 0).write_bytes(b"")
    cv2.imwrite(str(film(3, 0)), 255 - cv2.imread(str(film(3, 0)), cv2.IMREAD_GRAYSCALE))
    film(20, 1).write_bytes(film(4, 0).read_bytes())  # a training film that also stands in test
    cv2.imwrite(str(film(5, 1)), cv2.cvtColor(cv2.imread(str(film(5, 0)), 0), cv2.COLOR_GRAY2BGRA))  # within a patient
    film(6, 0).unlink()
    cv2.imwrite(str(film(21, 0)), cv2.imread(str(film(7, 0)), 0) // 2 + 60)  # darker, another patient, another part
    return root


@pytest.fixture
def prepare(root: Path, tmp_path: Path) -> Prepare:
    def run(*overrides: str) -> PreparedFolder:
        places = [f"paths.outputs={tmp_path / 'outputs'}", f"paths.cache={tmp_path / 'cache'}"]
        settings, choices = compose(
            "prepare", ["datamodule=nih", f"datamodule.root={root}", "datamodule.image_size=64", *places, *overrides]
        )
        run_prepare(settings, choices)
        (path,) = (tmp_path / "outputs" / "prepare").iterdir()
        return PreparedFolder(path)

    return run


def test_everything_wrong_is_found_and_written(prepare: Prepare) -> None:
    folder = prepare()
    quarantine = pd.read_csv(folder.quarantine, index_col="image_id")["reason"].to_dict()
    assert quarantine == {
        "00000001_000.png": "truncated or corrupt",
        "00000002_000.png": "empty file",
        "00000004_000.png": "same film under 2 patients",
        "00000020_001.png": "same film under 2 patients",
    }
    assert pd.read_csv(folder.missing)["image_id"].tolist() == ["00000006_000.png"]
    films = pd.read_csv(folder.films, keep_default_na=False, index_col="image_id")
    assert len(films) == COUNT - 1
    assert films.index[films["notes"].str.contains("inverted")].tolist() == ["00000003_000.png"]
    assert films.loc["00000005_001.png", "notes"] == "RGBA"
    pairs = pd.read_csv(folder.duplicates)
    assert (
        pairs[["first", "second", "kind", "patients", "parts"]].to_numpy().tolist()
        == [
            ["00000004_000.png", "00000020_001.png", "same file", "different", "different"],
            ["00000007_000.png", "00000021_000.png", "near", "different", "different"],
            ["00000005_000.png", "00000005_001.png", "same pixels", "same", "same"],
        ]
        or pairs["parts"].tolist()[2] == "same"
    )
    summary = read_json(folder.summary)
    assert summary["audit"]["inverted"] == 1
    assert summary["data"]["quarantine"]["same film under 2 patients"] == 2
    assert summary["geometry"] < 0.5
    assert summary["store"]["films"] == COUNT - 1


def test_the_page_shows_it_and_loads_nothing(prepare: Prepare) -> None:
    page = prepare().report.read_text()
    for words in ("truncated or corrupt", "same film under 2 patients", "00000003_000.png", "of 255 bits", "Left out"):
        assert words in page
    assert page.count("data:image/webp") >= 5
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_a_second_call_decodes_nothing_and_writes_the_same(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    from cxr_xai.data.films import store

    folder = prepare()
    before = {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}
    monkeypatch.setattr(store, "decode_chunks", None)
    prepare()
    assert {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()} == before


def test_the_written_split_can_be_read(prepare: Prepare) -> None:
    folder = prepare("split=patient", "split.fractions=[0.4,0.3,0.3]")
    summary = read_json(folder.summary)
    again = prepare("split=patient", "split.fractions=[0.4,0.3,0.3]")
    assert read_json(again.summary)["split"]["sha256"] == summary["split"]["sha256"]
    assert FileSplit(str(folder.split)).path


def test_without_a_store_the_same_is_found(prepare: Prepare) -> None:
    folder = prepare("datamodule.cache_dir=null")
    assert len(pd.read_csv(folder.quarantine)) == 4
    assert read_json(folder.summary)["store"] is None
    assert "No store" in folder.report.read_text()


def test_a_broken_copy_stops_it(prepare: Prepare, root: Path, tmp_path: Path) -> None:
    for path in (root / "images").iterdir():
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match="the copy is broken"):
        prepare()
    assert not (tmp_path / "outputs").exists()
