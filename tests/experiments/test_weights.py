"""Weights to begin with: recorded, and refused where they have seen what they would be judged on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.file import write_split
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.data.splits.split import make_split
from cxr_xai.errors import UserError
from cxr_xai.experiments.weights import describe_weights
from cxr_xai.files import hash_file, write_json


@pytest.fixture
def data(small_release: Callable[..., Path]) -> ChestXrayDataModule:
    return ChestXrayDataModule(small_release(), NihReader(), OfficialSplit(val_fraction=0.3), image_size=32)


def begin_with(weights: str | Path, data: ChestXrayDataModule) -> dict[str, Any]:
    return describe_weights({"model": {"backbone": "resnet50", "weights": str(weights)}}, data)


def make_run(
    folder: Path,
    data: ChestXrayDataModule,
    parts: list[str] | None = None,
    source: str = "nih",
    began_with: tuple[str, ...] = ("imagenet",),
    **about: Any,
) -> Path:
    """Leave what a run leaves that the check reads; ``parts`` are those of the label file's rows."""
    run, studies = RunFolder(folder), data.source.studies
    split = data.split if parts is None else make_split("file", studies, np.array(parts))
    run.checkpoints.mkdir(parents=True)
    write_split(run.split, studies, split)
    images = {"train": int((split.part == "train").sum())}
    certificate = {"config_sha256": "c0ffee", "data": {"source": source, **about}}
    certificate |= {"split": {"sha256": split.hash, "images": images}, "weights": {"trained_on": list(began_with)}}
    write_json(run.certificate, certificate)
    torch.save({"state_dict": {}, "run": {"configuration": "c0ffee"}}, run.best)
    return run.best


def test_no_file(data: ChestXrayDataModule) -> None:
    none = begin_with("none", data)
    assert (none["file"], none["sha256"], none["trained_on"], none["seen"]) == (None, None, [], [])
    imagenet = begin_with("imagenet", data)
    assert (imagenet["trained_on"], imagenet["source"]) == (["imagenet"], "timm/resnet50.a1_in1k")
    assert describe_weights({"model": {"_target_": "another.network"}}, data) == none


def test_a_missing_file_is_named(data: ChestXrayDataModule, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.weights=.*nowhere\.pt: no such file; use imagenet, none, or"):
        begin_with(tmp_path / "nowhere.pt", data)


def test_an_unknown_file_goes_on_and_is_recorded(data: ChestXrayDataModule, tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"weights")
    assert begin_with(path, data) == {
        "file": "mine.pt",
        "sha256": hash_file(path),
        "trained_on": ["unknown"],
        "known_by": None,
        "source": None,
        "seen": [],
    }


def test_a_known_file_is_recorded_or_refused(data: ChestXrayDataModule, tmp_path: Path) -> None:
    mimic, nih = tmp_path / "mimic_nb-densenet121-d121.pt", tmp_path / "nih-densenet121-d121.pt"
    for path in (mimic, nih):
        path.write_bytes(path.name.encode())
    found = begin_with(mimic, data)
    assert (found["trained_on"], found["known_by"], found["seen"]) == (["mimic"], "name", [])
    with pytest.raises(UserError, match=r"torchxrayvision nih was trained on films of nih.*use model\.weights="):
        begin_with(nih, data)


def test_weights_of_the_published_list_are_for_the_official_split(data: ChestXrayDataModule, tmp_path: Path) -> None:
    path = tmp_path / "densenet121_CXR_0.3M_mae.pth"
    path.write_bytes(b"weights")
    assert begin_with(path, data)["seen"] == ["val"]
    other = ChestXrayDataModule(data.root, NihReader(), PatientSplit((0.5, 0.25, 0.25)), image_size=32)
    with pytest.raises(UserError, match=r"split=patient\); use split=official"):
        begin_with(path, other)


def test_a_checkpoint_of_the_same_split_is_welcome(data: ChestXrayDataModule, tmp_path: Path) -> None:
    found = begin_with(make_run(tmp_path / "cell", data), data)
    assert found["known_by"] == "run"
    assert found["trained_on"][1:] == ["imagenet"]
    images = (data.split.part == "train").sum()
    assert found["trained_on"][0] == f"run cell (nih, split {data.split.hash[:8]}, {images} images)"


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_checkpoint_that_trained_on_a_patient_of_val_or_test_is_refused(
    data: ChestXrayDataModule, tmp_path: Path, part: str
) -> None:
    studies, division = data.source.studies, data.split.part
    patient = studies["patient_id"].iloc[np.flatnonzero(division == part)[0]]
    parts = ["train" if own == patient else "" for own in studies["patient_id"]]
    path = make_run(tmp_path / "cell", data, parts)
    message = rf"cell trained on 1 patients of this run's {part} part; use weights of a run with the same split"
    with pytest.raises(UserError, match=message):
        begin_with(path, data)
    elsewhere = make_run(tmp_path / "other", data, parts, source="phantom")
    assert begin_with(elsewhere, data)["known_by"] == "run", "patients of another source are others"


@pytest.mark.parametrize("used", ["val", "selection"])
def test_a_checkpoint_chosen_by_a_patient_of_test_is_refused(
    data: ChestXrayDataModule, tmp_path: Path, used: str
) -> None:
    studies, division = data.source.studies, data.split.part

    def chosen_by(part: str, name: str) -> Path:
        patient = studies["patient_id"].iloc[np.flatnonzero(division == part)[0]]
        return make_run(tmp_path / name, data, [used if own == patient else "" for own in studies["patient_id"]])

    with pytest.raises(UserError, match=r"cell chose its epoch by 1 patients of this run's test part; use weights of"):
        begin_with(chosen_by("test", "cell"), data)
    assert begin_with(chosen_by("val", "other"), data)["known_by"] == "run", "who chose once may choose again"


def test_films_of_a_run_whose_patients_go_by_other_ids(data: ChestXrayDataModule, tmp_path: Path) -> None:
    """A film of this run's test is known by its own name; whose the others are nobody knows."""
    index = data.source
    tested = np.flatnonzero(data.split.part == "test")[0]
    object.__setattr__(index, "studies", index.studies.assign(patient_id=[f"NIH {n}" for n in index.studies.index]))
    parts = ["train" if n == tested else "" for n in range(len(index.studies))]
    path = make_run(tmp_path / "cell", data, parts, films_of="nih", linked=False)
    object.__setattr__(index, "studies", index.studies.assign(patient_id=[str(n) for n in index.studies.index]))
    with pytest.raises(UserError, match="cell trained on 1 patients of this run's test part"):
        begin_with(path, data)
    untested = ["train" if part == "train" else "" for part in data.split.part]
    trained_on = begin_with(make_run(tmp_path / "other", data, untested, films_of="nih", linked=False), data)[
        "trained_on"
    ]
    assert trained_on[0].startswith("run other (nih of nih, split ")
    assert trained_on[-1] == "unknown"


def test_fewer_training_patients_than_this_runs_are_welcome(data: ChestXrayDataModule, tmp_path: Path) -> None:
    division = data.split.part
    parts = [part if part == "train" else "" for part in division]
    found = begin_with(make_run(tmp_path / "cell", data, parts), data)
    assert "unknown" not in found["trained_on"]
    chained = make_run(tmp_path / "next", data, parts, began_with=("run first (nih, split 0, 5 images)",))
    assert begin_with(chained, data)["trained_on"][-1] == "unknown", "who trained for another split is not looked up"


def test_what_a_run_began_with_is_inherited(data: ChestXrayDataModule, tmp_path: Path) -> None:
    assert "unknown" in begin_with(make_run(tmp_path / "cell", data, began_with=("unknown",)), data)["trained_on"]
    phantom = make_run(tmp_path / "phantom", data, source="phantom", began_with=("mimic", "nih"))
    with pytest.raises(UserError, match=r"phantom.* was trained on films of nih, those of this run's test part"):
        begin_with(phantom, data)


def test_a_checkpoint_in_anothers_folder_is_refused(data: ChestXrayDataModule, tmp_path: Path) -> None:
    path = make_run(tmp_path / "cell", data)
    torch.save({"state_dict": {}, "run": {"configuration": "other"}}, path)
    with pytest.raises(UserError, match=r"best\.ckpt was written with other configuration, and it lies in .*cell"):
        begin_with(path, data)
    lonely = tmp_path / "best.ckpt"
    path.rename(lonely)
    assert begin_with(lonely, data)["trained_on"] == ["unknown"], "out of its folder nobody knows its patients"
