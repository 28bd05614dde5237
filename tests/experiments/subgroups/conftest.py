"""A source in the published layout, and runs on it made by hand: pneumothorax is read off the drain."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PREDICTION_COLUMNS, RunFolder
from cxr_xai.data.index import Index
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.file import write_split
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.data.splits.split import Split, make_split
from cxr_xai.experiments.certify import make_card
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.subgroups.read import Judged, read_judged
from cxr_xai.files import write_json
from cxr_xai.findings import BOXED, FINDINGS

HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,a,b,c,d\n"
PATIENTS = 150


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of 150 patients of three films; men and women, both views; ``drains.csv`` lists a third of all films."""
    root, random, rows = tmp_path_factory.mktemp("source"), np.random.default_rng(0), []
    for patient in range(1, PATIENTS + 1):
        sex, age = "MF"[patient % 2], int(random.integers(15, 90))
        for film in range(3):
            labels = [name for name in FINDINGS[:8] if random.random() < 0.3]
            view = ("PA", "AP")[int(random.random() < 0.4)]
            image = f"{patient:08d}_{film:03d}.png"
            rows.append(f"{image},{'|'.join(labels) or 'No Finding'},{film},{patient},{age},{sex},{view},9,9,1,1")
    (root / "Data_Entry_2017_v2020.csv").write_text(HEADER + "\n".join(rows) + "\n")
    images = [row.split(",")[0] for row in rows]
    drained = [image for image in images if random.random() < 0.35]
    (root / "drains.csv").write_text("image_id\n" + "\n".join(drained) + "\n")
    return root


@pytest.fixture(scope="session")
def index(source: Path) -> Index:
    return NihReader(box_list=None).read_tables(source)


def predict(index: Index, split: Split, drained: set[str], seed: int) -> pd.DataFrame:
    """Logits that lean towards the truth; those of Pneumothorax towards the drain instead."""
    tables = []
    for part in ("val", "test"):
        rows = split.rows(part)
        if not len(rows):
            continue
        random = np.random.default_rng([seed, int(split.about.get("fold", 9)), len(part)])
        target, images = index.targets[rows].astype(float), index.studies["image_id"].to_numpy(str)[rows]
        lean = target.copy()
        lean[:, FINDINGS.index("Pneumothorax")] = np.isin(images, list(drained))
        logits = (random.normal(size=target.shape) + 2 * lean - 1).astype(np.float32)
        table = pd.DataFrame({"image_id": np.repeat(images, 14), "part": part})
        table["patient_id"] = np.repeat(index.studies["patient_id"].to_numpy(str)[rows], 14)
        table["finding"], table["target"] = np.tile(np.array(FINDINGS), len(rows)), target.ravel()
        table["logit"], table["prob"] = logits.ravel(), 1 / (1 + np.exp(-logits.astype(float).ravel()))
        tables.append(table.assign(calibrated=table["prob"], pred=(table["prob"] >= 0.5).astype("int8")))
    return pd.concat(tables, ignore_index=True)


def score_boxes(predictions: pd.DataFrame) -> pd.DataFrame:
    """A sealed box for every tested positive of two findings; women's maps are worse by .2, a tenth is dead."""
    positive = predictions[(predictions["part"] == "test") & (predictions["target"] == 1)]
    positive = positive[positive["finding"].isin(BOXED[:2])].reset_index(drop=True)
    random, woman = np.random.default_rng(1), positive["patient_id"].astype(int) % 2 == 1
    rows = pd.DataFrame(dict.fromkeys(LOCALIZATION_COLUMNS, 0.5), index=positive.index)
    rows = rows.assign(epoch=1, half="sealed", explainer="exact_cam", boxes=1, grid="7x7", prior_iou=0.2)
    rows = rows.assign(image_id=positive["image_id"], patient_id=positive["patient_id"], finding=positive["finding"])
    rows["iou"] = 0.6 - 0.2 * woman + 0.05 * random.normal(size=len(rows))
    rows["dead"] = random.random(len(rows)) < 0.1
    rows.loc[rows["dead"], "iou"] = np.nan
    return rows.assign(ceiling_iou=0.8)[list(LOCALIZATION_COLUMNS)]


def write_run(path: Path, index: Index, source: Path, split: Split, seed: int = 0) -> RunFolder:
    """Write what a finished run leaves, as far as subgroups read it."""
    folder, fold = RunFolder(path), split.about.get("fold")
    folder.path.mkdir(parents=True)
    reader = {"_target_": "cxr_xai.data.readers.nih.NihReader", "box_list": None}
    datamodule = {"_target_": "cxr_xai.data.datamodule.ChestXrayDataModule", "root": str(source), "reader": reader}
    settings = {"seed": seed, "split": {"fold": fold}, "datamodule": datamodule, "arm": "bce"}
    folder.config.write_text(f"# model=resnet10 loss=bce\n{yaml.safe_dump(settings)}")
    images = {part: len(split.rows(part)) for part in split.parts}
    certificate: dict[str, Any] = {
        "schema_version": 1, "seed": seed, "config_sha256": "e" * 64, "threshold_source": "val",
        "code": {"version": "0.1.0", "sha256": "c" * 64}, "calibration": "platt on val",
        "data": {
            "source": "nih", "about": {}, "sha256": "a" * 64, "files": dict(index.sources), "counts": {},
            "label_file": next(iter(index.sources)), "box_list": None,
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
    drained = set((source / "drains.csv").read_text().split()[1:])
    predictions = predict(index, split, drained, seed)
    folder.write_table(folder.predictions, predictions, PREDICTION_COLUMNS)
    folder.append_localization(score_boxes(predictions), "sealed", 1)
    rules = {name: {"threshold_rule": "val_f1"} for name in FINDINGS}
    classification = {"test": {"findings": rules}}
    epochs = {"epochs": 2, "max_epochs": 2, "best_epoch": 1, "stopped_early": False}
    card = make_card(certificate, mean_over=8).as_dict()
    folder.write_summary({"protocol": card, "classification": classification, "flags": [], **epochs})
    return folder


@pytest.fixture(scope="session")
def run(index: Index, source: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """One run that tests all studies; tests read it and leave it as it is."""
    split = make_split("file", index.studies, np.full(len(index.studies), "test"))
    return write_run(tmp_path_factory.mktemp("one") / "run", index, source, split)


@pytest.fixture(scope="session")
def sweep(index: Index, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folds of one arm."""
    root = tmp_path_factory.mktemp("sweep") / "runs"
    for fold in range(3):
        write_run(root / f"run-f{fold}", index, source, KFoldSplit(3, fold, "all", 0.3).split(index))
    return root


@pytest.fixture(scope="session")
def judged(run: RunFolder) -> Judged:
    return read_judged(run.path, None)


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """The settings of the script without overrides, for a folder that is not there."""
    settings = compose("subgroups", [f"folder={tmp_path / 'absent'}"])[0]
    return {**settings, "attributes": {}, "reference": {}, "replicates": 100}
