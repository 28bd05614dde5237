"""What every split scheme promises; runs over all of ``conf/split``."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.file import FileSplit, write_split
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.data.splits.split import EXTERNAL, PARTS, Split, SplitScheme
from cxr_xai.experiments.build import build
from cxr_xai.findings import FINDINGS

quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def make_index(patients: int, seed: int) -> Index:
    """Patients of 1 to 9 images with random labels; every fourth is listed for test, and half of those are boxed."""
    random = np.random.default_rng(seed)
    images = random.geometric(0.4, patients).clip(max=9)
    patient = np.repeat(np.arange(1, patients + 1), images)
    number = np.concatenate([np.arange(count) for count in images])
    studies = pd.DataFrame((random.random((len(patient), 14)) < 0.12).astype(float), columns=list(FINDINGS))
    studies.insert(0, "image_id", [f"{p:08d}_{n:03d}.png" for p, n in zip(patient, number, strict=True)])
    studies["patient_id"] = patient.astype(str)
    studies["official"] = np.where(patient % 4 == 0, "test", "train_val")
    studies["path"] = studies["image_id"]
    boxed = studies.loc[patient % 8 == 0, ["image_id", "patient_id"]].assign(finding="Mass", x0=0, y0=0, x1=1, y1=1)
    return Index("test", studies, boxed[list(BOX_COLUMNS)], {}, {})


class WrittenAndRead:
    """``split=file`` promises the same of what another scheme made."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def split(self, index: Index) -> Split:
        with tempfile.TemporaryDirectory() as folder:
            write_split(Path(folder) / "split.csv", index.studies, PatientSplit(seed=self.seed).split(index))
            return FileSplit(f"{folder}/split.csv").split(index)


def build_split(split_settings: dict[str, Any]) -> SplitScheme:
    if split_settings["_target_"].endswith("FileSplit"):
        return WrittenAndRead(split_settings.get("seed", 0))
    return build(split_settings, "split")


@quick
@given(patients=st.integers(12, 150), seed=st.integers(0, 1000))
def test_disjoint_exhaustive_and_deterministic(split_settings: dict[str, Any], patients: int, seed: int) -> None:
    index = make_index(patients, seed)
    split = build_split(split_settings).split(index)
    assert set(split.part) <= set(PARTS)
    rows = [split.rows(part) for part in PARTS]
    assert sorted(np.concatenate(rows)) == list(range(len(index.studies)))
    owners = [set(index.studies["patient_id"].iloc[part]) for part in rows]
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]
    again = build_split(split_settings).split(index)
    assert again.hash == split.hash
    assert (again.part == split.part).all()


@quick
@given(patients=st.integers(12, 150), seed=st.integers(0, 1000), order=st.integers(0, 1000))
def test_row_order_does_not_matter(split_settings: dict[str, Any], patients: int, seed: int, order: int) -> None:
    index = make_index(patients, seed)
    shuffled = replace(index, studies=index.studies.sample(frac=1, random_state=order, ignore_index=True))
    first, second = (build_split(split_settings).split(i) for i in (index, shuffled))
    assert dict(zip(index.studies["image_id"], first.part, strict=True)) == dict(
        zip(shuffled.studies["image_id"], second.part, strict=True)
    )
    assert first.hash == second.hash


@quick
@given(patients=st.integers(12, 100), seed=st.integers(0, 1000))
def test_missing_films_do_not_matter(split_settings: dict[str, Any], patients: int, seed: int) -> None:
    index = make_index(patients, seed)
    studies = index.studies.copy()
    studies.loc[np.random.default_rng(seed).random(len(studies)) < 0.9, "path"] = None
    first, second = (build_split(split_settings).split(i) for i in (index, replace(index, studies=studies)))
    assert first.hash == second.hash


def test_all_parts_have_all_findings(split_settings: dict[str, Any]) -> None:
    index = make_index(800, seed=0)
    split = build_split(split_settings).split(index)
    for part in PARTS:
        assert (index.targets[split.rows(part)].sum(axis=0) > 0).all()


def test_the_seed_chooses_other_patients(split_settings: dict[str, Any]) -> None:
    index = make_index(100, seed=0)
    first, second = (build_split({**split_settings, "seed": seed}).split(index) for seed in (0, 1))
    assert first.hash != second.hash


def test_the_scheme_is_the_name_in_conf(split_settings: dict[str, Any], request: Any) -> None:
    name = request.node.callspec.id
    scheme = "patient" if name == "file" else name  # a file keeps the name of what it was made by
    assert build_split(split_settings).split(make_index(40, 0)).scheme == scheme


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shares_and_prevalence_beat_every_random_division(split_settings: dict[str, Any], seed: int) -> None:
    """Images within half a percent; the worst finding nearer to its prevalence than in the best of 200 random splits.

    No patient holds more than half a percent of the images here; where one does, no division can keep the first.
    """
    index = make_index(1500, seed)
    scheme = build_split({**split_settings, "seed": seed})
    part, settled = scheme.split(index).part, index.studies["official"].to_numpy(str)
    official = scheme.split(index).scheme == "official"
    pool = settled == "train_val" if official else np.ones(len(part), bool)  # test is given, val is ours to choose
    shares = {name: float((part[pool] == name).mean()) for name in PARTS if not (official and name == "test")}
    expected = {"official": (0.875, 0.125), "kfold": (0.7, 0.1, 0.2)}.get(scheme.split(index).scheme, (0.7, 0.15, 0.15))
    np.testing.assert_allclose(list(shares.values()), expected, atol=0.005)
    patients = index.studies["patient_id"].to_numpy(str)
    random = np.random.default_rng(seed)
    best = min(
        deviation(index.targets[pool], draw_random(random, patients[pool], shares), list(shares)) for _ in range(200)
    )
    assert deviation(index.targets[pool], part[pool], list(shares)) <= best


def deviation(targets: np.ndarray, part: np.ndarray, names: list[str]) -> float:
    """The largest relative distance of a finding's prevalence in a part from that of all."""
    overall = targets.mean(axis=0)
    return float(max(np.abs(targets[part == name].mean(axis=0) / overall - 1).max() for name in names))


def draw_random(random: np.random.Generator, patients: np.ndarray, shares: dict[str, float]) -> np.ndarray:
    distinct, codes = np.unique(patients, return_inverse=True)
    weights = np.array(list(shares.values()))
    return random.choice(list(shares), len(distinct), p=weights / weights.sum())[codes]


def test_boxed_patients_are_spread(split_settings: dict[str, Any]) -> None:
    index = make_index(800, seed=0)
    split = build_split(split_settings).split(index)
    boxed = index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy()
    shares = {part: float(boxed[split.part == part].mean()) for part in PARTS}
    if split.scheme == "official":
        assert shares["train"] == shares["val"] == 0
    else:
        np.testing.assert_allclose(list(shares.values()), boxed.mean(), atol=0.01)


def test_the_real_label_file(split_settings: dict[str, Any], shared: Path) -> None:
    index = NihReader().read(shared / "nih-chestxray14")
    split = build_split(split_settings).split(index)
    official = split.scheme == "official"
    pool = index.studies["official"].to_numpy(str) == "train_val" if official else np.ones(len(split.part), bool)
    names = [name for name in PARTS if not (official and name == "test")]
    shares = [float((split.part[pool] == name).mean()) for name in names]
    expected = {"official": (0.875, 0.125), "kfold": (0.7, 0.1, 0.2)}.get(split.scheme, (0.7, 0.15, 0.15))
    np.testing.assert_allclose(shares, expected, atol=0.005)
    # The best of 200 random divisions of these patients deviates by .106 (two parts) to .142 (five folds).
    assert deviation(index.targets[pool], split.part[pool], names) < 0.04


@quick
@given(patients=st.integers(20, 150), seed=st.integers(0, 1000), k=st.integers(2, 5))
def test_folds_of_train_val_hold_the_official_test_out(patients: int, seed: int, k: int) -> None:
    """Folds are disjoint and exhaustive over train_val; the test list is external to each of them, whole."""
    index = make_index(patients, seed)
    index.studies.loc[0, "official"] = None  # in neither list
    official = index.studies["official"].fillna("").to_numpy(str)
    owner = index.studies["patient_id"].to_numpy(str)
    splits = [KFoldSplit(k, fold, "train_val", seed=seed).split(index) for fold in range(k)]
    for split in splits:
        assert split.parts == (*PARTS, EXTERNAL)
        assert (split.part == EXTERNAL).tolist() == (official == "test").tolist()
        assert ((split.part == "") == (official == "")).all()
        owners = [set(owner[split.rows(part)]) for part in split.parts]
        assert sum(map(len, owners)) == len(set().union(*owners))
    tested = np.concatenate([split.rows("test") for split in splits])
    assert sorted(tested) == np.flatnonzero(official == "train_val").tolist()
    assert len({split.about["folds_sha256"] for split in splits}) == 1
    shuffled = replace(index, studies=index.studies.sample(frac=1, random_state=seed, ignore_index=True))
    shuffled.studies["path"] = None
    assert KFoldSplit(k, 0, "train_val", seed=seed).split(shuffled).hash == splits[0].hash


def test_hashes_and_names_tell_pools_apart() -> None:
    index = make_index(60, 0)
    whole, part = KFoldSplit().split(index), KFoldSplit(pool="train_val").split(index)
    assert (whole.scheme, part.scheme) == ("kfold", "kfold of train_val")
    assert (whole.about["pool"], part.about["pool"]) == ("all", "train_val")
    assert whole.about["folds_sha256"] != part.about["folds_sha256"]
    assert whole.hash != part.hash
    # Also where the test list is empty of images but for one patient, so that the folds are nearly the same.
    index.studies["official"] = np.where(index.studies["patient_id"] == "60", "test", "train_val")
    again = KFoldSplit(pool="train_val").split(index)
    assert again.about["folds_sha256"] not in (whole.about["folds_sha256"], part.about["folds_sha256"])


def test_folds_of_the_real_train_val_list(shared: Path) -> None:
    index = NihReader().read(shared / "nih-chestxray14")
    split = KFoldSplit(pool="train_val").split(index)
    sizes = {part: len(split.rows(part)) for part in split.parts}
    assert sizes[EXTERNAL] == 25_596
    assert sum(sizes.values()) == 112_120
    np.testing.assert_allclose([sizes[part] / 86_524 for part in PARTS], (0.7, 0.1, 0.2), atol=0.005)
    pool = split.part != EXTERNAL
    assert deviation(index.targets[pool], split.part[pool], list(PARTS)) < 0.04
