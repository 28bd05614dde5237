"""A run scored against labels that radiologists agreed on: only judged films, only what is the same as a finding."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.adjudicated import FILES, WHOSE
from cxr_xai.errors import UserError
from cxr_xai.experiments.check import check_choices
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.evaluate.run import run_evaluate


def write_judged(root: Path, path: Path) -> pd.DataFrame:
    """Judge half of the phantom's films: mined labels of pneumothorax are right but for every fifth."""
    table = pd.read_csv(root / "Data_Entry_2017_v2020.csv", usecols=["Image Index", "Finding Labels", "Patient ID"])
    table = table.iloc[::2]
    mined = table["Finding Labels"].str.contains("Pneumothorax").to_numpy()
    said = np.where(np.arange(len(table)) % 5 == 0, ~mined, mined)
    judged = pd.DataFrame({"Image Index": table["Image Index"], "Patient ID": table["Patient ID"], "Fracture": "NO"})
    judged["Pneumothorax"] = np.where(said, "YES", "NO")
    judged["Airspace opacity"] = np.where(table["Finding Labels"].str.contains("Infiltration|Edema"), "YES", "NO")
    judged["Nodule or mass"] = np.where(table["Finding Labels"].str.contains("Nodule|Mass"), "YES", "NO")
    judged.to_csv(path, index=False)
    return judged.set_index("Image Index")


def test_scored_against_adjudicated_labels(
    finished: RunFolder, small_overrides: list[str], small_data: Path, tmp_path: Path
) -> None:
    root, path, folder = small_data / "phantom", tmp_path / FILES[1], RunFolder(tmp_path / "evaluated")
    judged = write_judged(root, path)
    words = ["datamodule=nih", f"datamodule.root={root}", "datamodule.reader.labels=adjudicated", "part=all"]
    words += [f"datamodule.reader.adjudicated=[{path}]", "boxes=false", f"output={folder.path}"]
    paths = [word for word in small_overrides if word.startswith("paths.")]
    run_evaluate(*compose("evaluate", [*paths, f"checkpoint={finished.path}", "bootstrap=50", "device=cpu", *words]))
    summary, table = folder.read_summary(), pd.read_parquet(folder.predictions)
    assert set(table["image_id"]) == set(judged.index), "the films that were judged, and no other"
    known = table[table["target"].notna()]
    assert set(known["finding"]) == {"Pneumothorax"}
    row = known.set_index("image_id")
    value = roc_auc_score(judged.loc[row.index, "Pneumothorax"] == "YES", row["logit"])
    assert summary["classification"]["test"]["findings"]["Pneumothorax"]["auroc"]["value"] == pytest.approx(value)
    assert summary["classification"]["test"]["macro"]["auroc"]["over"] == 1
    assert summary["protocol"]["labels"] == WHOSE
    assert any(WHOSE in mark for mark in summary["evaluation"]["marks"])
    assert any("have no label at all" in mark for mark in summary["evaluation"]["marks"])
    found = summary["evaluation"]["adjudicated"]
    assert found["films"] == len(judged)
    wrong = found["labels"]["Pneumothorax"]["agreement"]
    assert wrong["mined_only"] + wrong["adjudicated_only"] == -(-len(judged) // 5)
    assert found["labels"]["Nodule or mass"]["agreement"]["kappa"]["value"] == 1
    opacity = found["labels"]["Airspace opacity"]["agreement"]
    assert opacity["adjudicated_only"] == 0
    assert opacity["sensitivity"]["value"] == 1
    page = folder.report.read_text()
    assert 'id="adjudicated"' in page
    assert "No published numbers are shown" in page


def test_nobody_trains_on_them() -> None:
    settings, choices = compose(
        "train", ["datamodule=nih", "datamodule.root=x", "datamodule.reader.labels=adjudicated"]
    )
    with pytest.raises(UserError, match=r"for scripts/evaluate\.py; train with labels=mined"):
        check_choices(settings, choices)
