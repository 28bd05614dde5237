"""A phantom folder: published layout, whole or not at all, the same bytes from any number of workers."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.phantom import PhantomSpec, draw_studies, read_mask, read_spec, render, write_phantom
from cxr_xai.data.phantom import write as writing
from cxr_xai.errors import UserError
from cxr_xai.findings import BOXED, canonical

SPEC = PhantomSpec(seed=5, train_val_patients=12, test_patients=18, image_size=64, shortcut_strength=0.5)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "folder"
    write_phantom(folder, SPEC, workers=0)
    return folder


def read_bytes(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def read_boxes(root: Path) -> pd.DataFrame:
    names = ["image", "finding", "x", "y", "w", "h"]
    return pd.read_csv(root / "BBox_List_2017.csv", skiprows=1, header=None, names=names)


def test_layout(root: Path) -> None:
    names = {path.name for path in root.iterdir()}
    texts = {"Data_Entry_2017_v2020.csv", "BBox_List_2017.csv", "train_val_list.txt", "test_list.txt"}
    assert names == texts | {"images_001", "masks", "phantom.json", "shortcuts.csv"}
    table = pd.read_csv(root / "Data_Entry_2017_v2020.csv")
    images = {path.name for path in (root / "images_001" / "images").iterdir()}
    assert set(table["Image Index"]) == images
    assert set(pd.read_csv(root / "shortcuts.csv")["image_id"]) == images


def test_lists_are_patient_disjoint_and_complete(root: Path) -> None:
    train, test = ((root / name).read_text().split() for name in ("train_val_list.txt", "test_list.txt"))
    table = pd.read_csv(root / "Data_Entry_2017_v2020.csv").set_index("Image Index")
    assert sorted(train + test) == sorted(table.index)
    assert not {name[:8] for name in train} & {name[:8] for name in test}
    assert [int(name[:8]) for name in table.index] == list(table["Patient ID"])


def test_boxes_cover_the_masks_of_test_images(root: Path) -> None:
    boxes, test = read_boxes(root), set((root / "test_list.txt").read_text().split())
    assert set(boxes["image"]) <= test
    assert set(boxes["finding"]) <= {*BOXED, "Infiltrate"} - {"Infiltration"}
    assert not boxes.duplicated(["image", "finding"]).any()
    for box in boxes.itertuples():
        x, y, w, h = (np.array([box.x, box.y, box.w, box.h], float) * 64 / 1024).round().astype(int)
        assert x >= 0
        assert y >= 0
        assert x + w <= 64
        assert y + h <= 64
        mask = read_mask(root, str(box.image))[canonical(str(box.finding))]
        inside = mask[y : y + h, x : x + w]
        assert inside.sum() == mask.sum()
        assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))  # and are tight


def test_masks_survive_the_16_bit_file(root: Path) -> None:
    studies = [s for s in draw_studies(SPEC) if s.findings][:5]
    for study in studies:
        drawn, stored = render(study, SPEC).masks, read_mask(root, study.image_id)
        assert set(stored) == set(study.findings)
        assert all((stored[name] == drawn[name]).all() for name in stored)
    assert read_mask(root, studies[0].image_id.removesuffix(".png")).keys() == set(studies[0].findings)


def test_mask_of_an_image_without_findings_and_of_none(root: Path) -> None:
    healthy = next(s for s in draw_studies(SPEC) if not s.findings)
    assert read_mask(root, healthy.image_id) == {}
    with pytest.raises(UserError, match="99999999_000"):
        read_mask(root, "99999999_000.png")


def test_four_channel_files_are_gray(tmp_path: Path) -> None:
    study = dataclasses.replace(draw_studies(SPEC)[0], rgba=True, lesions={})
    (tmp_path / writing.IMAGE_FOLDER).mkdir(parents=True)
    writing._write_study(tmp_path, study, 64)
    image = cv2.imread(str(tmp_path / writing.IMAGE_FOLDER / study.image_id), cv2.IMREAD_UNCHANGED)
    assert image.shape == (64, 64, 4)
    assert (image[..., 3] == 255).all()
    assert all((image[..., channel] == render(study, 64).image).all() for channel in range(3))


def test_bytes_depend_on_the_spec_and_not_on_the_workers(root: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path / "two", SPEC, workers=2)
    assert read_bytes(tmp_path / "two") == read_bytes(root)
    other = PhantomSpec(seed=6, train_val_patients=2, test_patients=1, image_size=64)
    write_phantom(tmp_path / "other", other, workers=1)
    name = "images_001/images/00000001_000.png"
    assert read_bytes(tmp_path / "other")[name] != read_bytes(root)[name]


def test_spec_is_read_back_and_a_finished_folder_left_alone(root: Path) -> None:
    assert read_spec(root) == SPEC
    before = (root / "phantom.json").stat().st_mtime_ns
    write_phantom(root, SPEC, progress=lambda done, total: pytest.fail("drew again"))
    assert (root / "phantom.json").stat().st_mtime_ns == before


def test_another_phantom_is_not_overwritten(root: Path) -> None:
    with pytest.raises(UserError, match="seed 5, wanted 7"):
        write_phantom(root, dataclasses.replace(SPEC, seed=7))


def test_a_foreign_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("mine")
    with pytest.raises(UserError, match="name another folder"):
        write_phantom(tmp_path, SPEC)
    assert (tmp_path / "photo.jpg").read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    write_phantom(tmp_path / "p", PhantomSpec(train_val_patients=1, test_patients=1, image_size=64), workers=0)
    assert (tmp_path / "p" / "phantom.json").is_file()


def test_a_crash_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(writing, "box_table", fail)
    with pytest.raises(OSError, match="disk full"):
        write_phantom(tmp_path / "p", PhantomSpec(train_val_patients=2, test_patients=1, image_size=64), workers=0)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(writing, "_CHUNK", 2)
    spec = PhantomSpec(train_val_patients=4, test_patients=1, image_size=64)
    write_phantom(tmp_path / "p", spec, workers=0, progress=lambda done, total: seen.append((done, total)))
    total = len(draw_studies(spec))
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) == -(-total // 2)
