"""What a certificate says of its data, and when that changes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.experiments.certify import hash_data, make_card, make_certificate
from cxr_xai.files import read_json, write_json
from cxr_xai.findings import FINDINGS

DECIDING = {
    "explainer": {"_target_": "cxr_xai.explainers.exact_cam.ExactCam"},
    "calibration": {"_target_": "cxr_xai.metrics.calibration.platt.Platt"},
    "threshold": {"_target_": "cxr_xai.metrics.thresholds.f1.BestF1"},
}


def read(root: Path) -> ChestXrayDataModule:
    return ChestXrayDataModule(root, NihReader(), OfficialSplit(val_fraction=0.3), image_size=32)


@pytest.fixture
def root(small_release: Callable[..., Path]) -> Path:
    return small_release()


def film(root: Path) -> Path:
    return next(root.glob("images_*/images/00000003_000.png"))


def test_the_hash_does_not_depend_on_where_the_folder_is(root: Path) -> None:
    before = hash_data(read(root))
    assert hash_data(read(root)) == before
    moved = root.rename(root.parent / "elsewhere")
    assert hash_data(read(moved)) == before
    # Nor on how the films are spread over the archives' folders.
    one, other = (moved / name / "images" for name in ("images_001", "images_002"))
    for path in list(other.iterdir()):
        path.rename(one / path.name)
    assert hash_data(read(moved)) == before


def test_the_hash_changes_with_films_and_labels(root: Path) -> None:
    seen = {hash_data(read(root))}
    path = film(root)
    path.write_bytes(path.read_bytes() + b"\0")
    seen.add(hash_data(read(root)))
    path.rename(path.with_name("00000007_000.png"))  # the study that had none
    seen.add(hash_data(read(root)))
    boxes = root / "BBox_List_2017.csv"
    boxes.write_text(boxes.read_text().replace("256.0,512.0", "257.0,512.0"))
    seen.add(hash_data(read(root)))
    assert len(seen) == 4


@pytest.mark.parametrize(("callbacks", "uses"), [({"explain": {"x": 1}}, "monitored"), ({"explain": None}, "none")])
def test_the_certificate(root: Path, tmp_path: Path, callbacks: dict[str, object], uses: str) -> None:
    data = read(root)
    certificate = make_certificate(data, {"seed": 5, "callbacks": callbacks, **DECIDING}, "c0ffee")
    assert (certificate["seed"], certificate["config_sha256"]) == (5, "c0ffee")
    assert certificate["data"]["sha256"] == hash_data(data)
    assert certificate["data"]["boxes"]["Effusion"] == 1
    assert certificate["data"]["positives"]["Infiltration"] == 3
    boxes, split = certificate["boxes"], certificate["split"]
    assert (boxes["uses"], boxes["overlap"]) == (uses, 0)
    assert boxes["monitored_studies"] + boxes["sealed_studies"] == 2
    assert boxes["sealed_studies"] > 0
    assert ("cross_fitted" in boxes) == (uses == "monitored"), "nothing is fitted where nothing is scored"
    card = make_card(certificate, 14)
    assert card.uses_of_boxes == ("monitored, cross-fitted" if uses == "monitored" else "none")
    assert (split["scheme"], split["sha256"]) == ("official", data.split.hash)
    assert sum(split["images"].values()) == 9, "the film that is absent counts in no part"
    assert split["patients"]["test"] == 2
    assert list(split["prevalence"]["test"]) == list(FINDINGS)
    assert split["prevalence"]["test"]["Pneumonia"] == pytest.approx(1 / 3)
    assert certificate["background"] is None, "this explainer compares with nothing"
    assert certificate["threshold_source"] == "f1 on val"
    assert certificate["calibration"] == "platt, fitted on val"
    assert len(certificate["code"]["sha256"]) == 64
    write_json(tmp_path / "certificate.json", certificate)
    assert read_json(tmp_path / "certificate.json")["split"]["patients"] == split["patients"]
    assert not any(isinstance(value, np.generic) for value in split["prevalence"]["train"].values())
