"""Sweeps made by hand in a second, with the project's own splits and writers."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PREDICTION_COLUMNS, RunFolder
from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.splits.file import write_split
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.split import PREDICTED, Split
from cxr_xai.experiments.certify import make_card
from cxr_xai.files import write_json
from cxr_xai.findings import BOXED, FINDINGS

LABELS = {"name": "Data_Entry_2017_v2020.csv", "sha256": "b" * 64}
GAIN = {"bce": 0.0, "focal": 0.6}


@pytest.fixture(scope="session")
def index() -> Index:
    """60 patients of one to four images; every fourth is listed for test; a fifth of the findings is there."""
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(1, 61), random.integers(1, 5, 60))
    number = np.concatenate([np.arange(count) for count in np.bincount(patient)[1:]])
    studies = pd.DataFrame((random.random((len(patient), 14)) < 0.25).astype(float), columns=list(FINDINGS))
    studies.insert(0, "image_id", [f"{p:08d}_{n:03d}.png" for p, n in zip(patient, number, strict=True)])
    studies["patient_id"] = patient.astype(str)
    studies["official"] = np.where(patient % 4 == 0, "test", "train_val")
    studies["path"] = studies["image_id"]
    boxed = studies.loc[patient % 2 == 0, ["image_id", "patient_id"]].assign(finding="Mass", x0=0, y0=0, x1=1, y1=1)
    return Index("nih", studies, boxed[list(BOX_COLUMNS)], {LABELS["name"]: LABELS["sha256"]}, {})


def predict(index: Index, split: Split, arm: str, seed: int) -> pd.DataFrame:
    """Logits that lean towards the truth, more so under ``focal``; noise belongs to arm, seed, fold and study."""
    tables = []
    for part in PREDICTED:
        rows = split.rows(part)
        random = np.random.default_rng([len(arm), seed, int(split.about.get("fold", 9)), len(part)])
        target = index.targets[rows].astype(float)
        logits = (random.normal(size=target.shape) + (0.8 + GAIN[arm]) * target - 1).astype(np.float32)
        table = index.studies.iloc[np.repeat(rows, 14)][["image_id", "patient_id"]].assign(part=part)
        table["finding"], table["target"] = np.tile(np.array(FINDINGS), len(rows)), target.ravel()
        table["logit"], table["prob"] = logits.ravel(), 1 / (1 + np.exp(-logits.astype(float).ravel()))
        calibrated = 0.1 + 0.8 * table["prob"]
        tables.append(table.assign(calibrated=calibrated, pred=(calibrated >= 0.42).astype("int8")))
    return pd.concat(tables, ignore_index=True)


def score_boxes(index: Index, split: Split, arm: str, seed: int) -> pd.DataFrame:
    """Sealed rows for the boxed studies of test: ``focal`` is better by .1; one map in ten is dead."""
    boxed = index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy()
    studies = index.studies[boxed & (split.part == "test")]
    random = np.random.default_rng([seed, int(split.about.get("fold", 9))])
    rows = []
    for n, (image, patient) in enumerate(zip(studies["image_id"], studies["patient_id"], strict=True)):
        iou = 0.3 + 0.1 * (arm == "focal") + 0.05 * random.normal()
        row = dict.fromkeys(LOCALIZATION_COLUMNS, 0.5) | {"epoch": 1, "half": "sealed", "image_id": image}
        row |= {"patient_id": patient, "finding": BOXED[n % 2], "explainer": "exact_cam", "boxes": 1}
        rows.append(
            row | {"dead": n % 10 == 0, "iou": np.nan if n % 10 == 0 else iou, "prior_iou": 0.2, "ceiling_iou": 0.7}
        )
    return pd.DataFrame(rows, columns=list(LOCALIZATION_COLUMNS))


def write_run(root: Path, index: Index, split: Split, arm: str, seed: int, source: str = "nih") -> RunFolder:
    """Write what a finished run leaves, as far as it is aggregated."""
    fold = split.about.get("fold")
    folder = RunFolder(
        root / f"{source}-resnet10-{arm}-none-{'official' if fold is None else f'kfold-f{fold}'}-s{seed}"
    )
    folder.path.mkdir(parents=True)
    settings = {
        "seed": seed,
        "split": {"fold": fold, "k": split.about.get("k")},
        "loss": {"_target_": arm},
        "name": "x",
    }
    folder.config.write_text(f"# model=resnet10 loss={arm} balancing=none\n{yaml.safe_dump(settings)}")
    images = {part: len(split.rows(part)) for part in split.parts}
    certificate = {
        "schema_version": 1, "seed": seed, "config_sha256": "e" * 64, "threshold_source": "val",
        "code": {"version": "0.1.0", "sha256": "c" * 64}, "calibration": "temperature on val",
        "data": {
            "source": source, "about": {}, "sha256": "a" * 64, "files": dict(index.sources), "counts": {},
            "label_file": LABELS["name"], "box_list": None,
        },
        "split": {
            "scheme": split.scheme, "sha256": split.hash, "about": dict(split.about), "images": images,
            "listed": images, "without_film": dict.fromkeys(images, 0),
        },
        "boxes": {"uses": "monitored", "sealed_studies": 9},
        "heatmap": {"normalization": "ReLU / max", "resize": "bilinear", "threshold": 0.5, "rule": "all"},
    }  # fmt: skip
    write_json(folder.certificate, certificate)
    write_split(folder.split, index.studies, split)
    folder.write_table(folder.predictions, predict(index, split, arm, seed), PREDICTION_COLUMNS)
    if len(sealed := score_boxes(index, split, arm, seed)):
        folder.append_localization(sealed, "sealed", 1)
    rules = {name: {"threshold_rule": "prevalence_matched" if name == "Hernia" else "val_f1"} for name in FINDINGS}
    views = {"AP": {"value": 0.7}, "PA": {"value": 0.8}}
    classification = {"test": {"findings": rules, "by_view": views}}
    beside = {"label_only": {"macro": {"value": 0.6}}, "flags": [{"name": "maps below the prior"}]}
    epochs = {"epochs": 2, "max_epochs": 2, "best_epoch": 1, "stopped_early": False}
    card = make_card(certificate, mean_over=14).as_dict()
    folder.write_summary({"protocol": card, "classification": classification, **beside, **epochs})
    return folder


def write_sweep(
    root: Path,
    index: Index,
    arms: Sequence[str] = ("bce", "focal"),
    k: int | None = 3,
    seeds: Sequence[int] = (0,),
    pool: str = "all",
    source: str = "nih",
) -> Path:
    """Write arms × seeds × folds; ``k=None`` gives runs of the official split."""
    for seed in seeds:
        for fold in [None] if k is None else range(k):
            scheme = OfficialSplit(0.3) if fold is None or k is None else KFoldSplit(k, fold, pool, 0.3)  # type: ignore[arg-type]
            for arm in arms:
                write_run(root, index, scheme.split(index), arm, seed, source)
    return root


@pytest.fixture(scope="session")
def sound(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms × three folds; tests read it and leave it as it is."""
    return write_sweep(tmp_path_factory.mktemp("sound") / "runs", index)


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound sweep, to be spoiled."""
    return Path(shutil.copytree(sound, tmp_path / "runs"))


@pytest.fixture(scope="session")
def write(index: Index) -> Callable[..., Path]:
    """Write another sweep: ``write(root, k=None, seeds=(0, 1))``."""
    return lambda root, **options: write_sweep(root, index, **options)
