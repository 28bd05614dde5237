"""The run folder is the only interface to results."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PANEL_COLUMNS, SCHEMA_VERSION, RunFolder
from cxr_xai.errors import UserError
from cxr_xai.files import read_json, write_json

TEXTS = ("half", "image_id", "patient_id", "finding", "explainer", "boxes")


def localization(half: str, epoch: int, rows: int = 2) -> pd.DataFrame:
    table = pd.DataFrame({name: ["x"] * rows if name in TEXTS else [0.5] * rows for name in LOCALIZATION_COLUMNS})
    return table.assign(half=half, epoch=epoch, dead=False, iou=np.nan, surplus=1)


def panels(kind: str, epoch: int) -> pd.DataFrame:
    row = {"kind": kind, "epoch": epoch, "image_id": "a.png", "finding": "Mass", "target": 1.0, "prob": 0.5}
    return pd.DataFrame([{**row, "dead": False, "file": f"{kind}_{epoch}.png"}])


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "outputs" / "runs" / "cell")


def test_nothing_is_made_by_naming_it(folder: RunFolder) -> None:
    assert not folder.path.exists()
    assert folder.best.relative_to(folder.path).as_posix() == "checkpoints/best.ckpt"
    assert folder.explanations("exact_cam").relative_to(folder.path).as_posix() == "explanations/exact_cam"


def test_summary_round_trip_with_undefined_values(folder: RunFolder) -> None:
    folder.write_summary({"auroc": {"Mass": 0.5, "Hernia": float("nan")}})
    assert folder.read_summary() == {"schema_version": SCHEMA_VERSION, "auroc": {"Mass": 0.5, "Hernia": None}}


def test_a_run_without_a_summary_is_not_complete(folder: RunFolder) -> None:
    with pytest.raises(UserError, match=r"cell is not a complete run \(no summary\.json\); run its training"):
        folder.read_summary()


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, None])
def test_another_schema_is_refused(folder: RunFolder, version: int | None) -> None:
    write_json(folder.summary, {"schema_version": version})
    with pytest.raises(UserError, match=f"has schema {version}, this version reads {SCHEMA_VERSION}"):
        folder.read_summary()


def test_a_damaged_summary_is_said_in_a_line(folder: RunFolder) -> None:
    folder.write_summary({"epochs": 3})
    folder.summary.write_text(folder.summary.read_text()[:20])
    with pytest.raises(UserError, match=r"summary\.json is damaged .*delete it"):
        folder.read_summary()


def test_a_table_has_exactly_the_promised_columns(folder: RunFolder) -> None:
    folder.write_table(folder.localization, localization("sealed", 3), LOCALIZATION_COLUMNS)
    assert tuple(pd.read_parquet(folder.localization).columns) == LOCALIZATION_COLUMNS
    with pytest.raises(KeyError, match="iou"):
        folder.write_table(folder.localization, localization("sealed", 3).drop(columns="iou"), LOCALIZATION_COLUMNS)
    assert len(pd.read_parquet(folder.localization)) == 2


def test_localization_grows_by_epoch_and_half(folder: RunFolder) -> None:
    for epoch in (0, 1):
        folder.append_localization(localization("monitored", epoch), "monitored", epoch)
    folder.append_localization(localization("sealed", 1), "sealed", 1)
    table = pd.read_parquet(folder.localization)
    assert table.groupby(["half", "epoch"]).size().to_dict() == {
        ("monitored", 0): 2,
        ("monitored", 1): 2,
        ("sealed", 1): 2,
    }


def test_an_epoch_run_again_replaces_itself_and_what_came_later(folder: RunFolder) -> None:
    for epoch in (0, 1, 2):
        folder.append_localization(localization("monitored", epoch), "monitored", epoch)
    folder.append_localization(localization("sealed", 2), "sealed", 2)
    folder.append_localization(localization("monitored", 1, rows=5), "monitored", 1)
    table = pd.read_parquet(folder.localization)
    assert table.groupby(["half", "epoch"]).size().to_dict() == {
        ("monitored", 0): 2,
        ("monitored", 1): 5,
        ("sealed", 2): 2,
    }


def test_the_first_epoch_run_again_replaces_everything(folder: RunFolder) -> None:
    folder.append_localization(localization("monitored", 0), "monitored", 0)
    folder.append_localization(localization("monitored", 0, rows=3), "monitored", 0)
    assert len(pd.read_parquet(folder.localization)) == 3


def test_panels_replace_their_own_kind_only(folder: RunFolder) -> None:
    for epoch in (0, 1):
        folder.append_panels("exact_cam", panels("epoch", epoch), epoch)
    folder.append_panels("exact_cam", panels("box", 1), 1)
    folder.append_panels("exact_cam", panels("epoch", 1), 1)
    table = pd.read_csv(folder.explanations("exact_cam") / "panels.csv")
    assert tuple(table.columns) == PANEL_COLUMNS
    assert sorted(table["file"]) == ["box_1.png", "epoch_0.png", "epoch_1.png"]


def test_metrics_are_read_in_long_form(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.metrics.write_text("epoch,key,value\n0,val/loss,0.5\n1,val/auroc/Hernia,nan\n")
    table = folder.read_metrics()
    assert table["value"].tolist()[0] == 0.5
    assert table["value"].isna().tolist() == [False, True]
    assert not folder.summary.exists()


def test_the_summary_is_plain_json(folder: RunFolder) -> None:
    folder.write_summary({"a": 1})
    assert read_json(folder.summary)["a"] == 1


def test_checkpoints_that_are_not_kept_go(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    for name in ("best", "last", "previous"):
        (folder.checkpoints / f"{name}.ckpt").touch()
    folder.keep_checkpoints(["best", "last"])
    assert sorted(path.stem for path in folder.checkpoints.iterdir()) == ["best", "last"]
    RunFolder(tmp_path / "nothing").keep_checkpoints(["best"])
