"""An honest folder holds; whatever is changed in it is found, and named."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.run import run_training
from cxr_xai.experiments.verification.checks import Check
from cxr_xai.experiments.verification.evidence import read_evidence
from cxr_xai.experiments.verify import run_verify, verify
from cxr_xai.files import read_json, write_json

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]
Tamper = Callable[[RunFolder], None]


@pytest.fixture(scope="module")
def data(finished: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> ChestXrayDataModule:
    """The data of the run, read once for all copies of its folder."""
    found = read_evidence(finished, None, str(tmp_path_factory.mktemp("cache"))).data
    assert found is not None
    return found


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(finished.path, tmp_path / finished.path.name))


def examine(folder: RunFolder, data: ChestXrayDataModule | None, recompute: bool = False) -> dict[str, Check]:
    evidence = read_evidence(folder, "/nowhere", "/nowhere")
    checks = verify(replace(evidence, data=data, why_no_data=evidence.why_no_data), recompute)
    return {check.name: check for check in checks}


def test_an_honest_folder_holds_to_the_last_number(copy: RunFolder, data: ChestXrayDataModule) -> None:
    checks = examine(copy, data, recompute=True)
    assert {name: check.words for name, check in checks.items() if check.outcome != "holds"} == {}
    assert {"logits again", "maps again", "maps, sealed", "maps, monitored", "targets", "data"} <= checks.keys()
    assert {"shortcuts", "numbers, shortcuts", "shortcuts again"} <= checks.keys()
    ledger = read_ledger(copy.ledger)
    mine = ledger[ledger["purpose"] == "verification"]
    assert mine["what"].tolist() == ["test labels", "sealed boxes", "monitored boxes"], "verifying is reading"


def test_views_are_averaged_wherever_a_run_predicts(
    compose: Compose, data: ChestXrayDataModule, tmp_path: Path
) -> None:
    settings, choices = compose(
        "tta=shifts", "trainer.max_epochs=1", "callbacks.explain=null", f"paths.outputs={tmp_path}"
    )
    run_training(settings, choices)
    folder = RunFolder(tmp_path / settings["name"] / name_cell(settings, choices))
    keys = ["image_id", "finding"]
    said, again = (pd.read_parquet(path).set_index(keys) for path in (folder.predictions, folder.reliance))
    for column, theirs in (("logit", "logit"), ("prob", "calibrated")):
        np.testing.assert_allclose(again[column], said[theirs].loc[again.index], atol=1e-5)
    checks = examine(folder, data, recompute=True)
    assert checks["logits again"].outcome == checks["shortcuts again"].outcome == "holds"


def test_without_data_the_rest_is_checked(copy: RunFolder) -> None:
    checks = examine(copy, None, recompute=True)
    unchecked = {name for name, check in checks.items() if check.outcome == "not checked"}
    assert unchecked == {
        "data", "targets", "AUROC by view", "age, sex, view alone", "maps, sealed", "maps, monitored", "logits again",
        "controls on boxes",
    }  # fmt: skip
    assert all("/nowhere" in checks[name].words for name in unchecked)
    assert all(check.outcome == "holds" for name, check in checks.items() if name not in unchecked)


def change_table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Tamper:
    def tamper(folder: RunFolder) -> None:
        path = folder.path / f"{name}.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return tamper


def set_cell(name: str, column: str, value: Callable[[Any], Any], half: str | None = None) -> Tamper:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.index if half is None else table.index[(table["half"] == half) & ~table["dead"].astype(bool)]
        table.loc[rows[-1], column] = value(table.loc[rows[-1], column])
        return table

    return change_table(name, change)


def change_json(name: str, change: Callable[[dict[str, Any]], None]) -> Tamper:
    def tamper(folder: RunFolder) -> None:
        path = folder.path / f"{name}.json"
        content = read_json(path)
        change(content)
        write_json(path, content)

    return tamper


def change_text(name: str, old: str, new: str) -> Tamper:
    def tamper(folder: RunFolder) -> None:
        path = folder.path / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return tamper


def change_map(folder: RunFolder) -> None:
    [path] = folder.explanations("exact_cam").glob("sealed-*.npz")
    with np.load(path) as stored:
        content = dict(stored)
    content["attribution"] = content["attribution"][..., ::-1]
    np.savez_compressed(path, **content)


def change_checkpoint(folder: RunFolder) -> None:
    content = torch.load(folder.best, weights_only=True)
    content["state_dict"]["model.head.bias"] += 0.5
    torch.save(content, folder.best)


def move_a_patient(folder: RunFolder) -> None:
    """Put one image of a test patient into training."""
    lines = folder.split.read_text().splitlines()
    patients = [line.split(",")[1] for line in lines if line.endswith(",test")]
    twice = next(patient for patient in patients if patients.count(patient) > 1)
    row = next(k for k, line in enumerate(lines) if f",{twice},test" in line)
    lines[row] = lines[row].removesuffix("test") + "train"
    folder.split.write_text("\n".join(lines) + "\n")


def name_other_files(folder: RunFolder) -> None:
    """Let the summary name the hashes of a changed checkpoint, as a careful forger would."""
    from cxr_xai.artifacts.certificate import hash_files

    change_checkpoint(folder)
    change_json("summary", lambda s: s.update(files=hash_files(folder)))(folder)


def set_in(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(node: dict[str, Any]) -> None:
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change


TEST = ("classification", "test")
TAMPERINGS: dict[str, tuple[Tamper, str, str]] = {
    "a probability": (set_cell("predictions", "prob", lambda p: p + 0.01), "probabilities", "prob of"),
    "a film without a shortcut": (set_cell("reliance", "prob_without", lambda p: p + 0.1), "shortcuts", "prob_without"),
    "a label of it": (set_cell("reliance", "target", lambda t: 1 - t), "shortcuts", "target of"),
    "reliance": (
        change_json("summary", set_in("reliance", "shortcuts", "marker", "size", "value", value=0.0)),
        "numbers, shortcuts",
        "reliance.shortcuts.marker.size.value: stored 0",
    ),
    "a target": (set_cell("predictions", "target", lambda t: 1 - t), "targets", "target of"),
    "a target, in a number": (set_cell("predictions", "target", lambda t: 1 - t), "numbers, test", "Hernia"),
    "a decision": (set_cell("predictions", "pred", lambda p: 1 - p), "predictions", "pred of"),
    "a calibrated probability": (
        set_cell("predictions", "calibrated", lambda p: p / 2), "calibration", "calibrated of",
    ),
    "the calibration": (
        change_json("checkpoints/calibration", set_in("findings", "Mass", "threshold", "at", value=0.123)),
        "calibration",
        "calibration.json.cuts[4].at: stored 0.123",
    ),
    "a row dropped": (change_table("predictions", lambda t: t.iloc[:-1]), "rows", "stored 13, recomputed 14"),
    "a study dropped": (
        change_table("predictions", lambda t: t[t["image_id"] != t["image_id"].iloc[-1]]), "rows", "images of test",
    ),
    "a study twice": (change_table("predictions", lambda t: pd.concat([t, t.iloc[-1:]])), "rows", "rows of"),
    "a part": (change_table("predictions", lambda t: t.replace({"part": {"val": "test"}})), "split", "part of"),
    "a number": (
        change_json("summary", set_in(*TEST, "macro", "auroc", "value", value=0.9)), "numbers, test",
        "test.macro.auroc.value: stored 0.9, recomputed 0.",
    ),
    "an interval": (
        change_json("summary", set_in(*TEST, "findings", "Mass", "auroc", "low", value=0.1)), "numbers, test",
        "test.findings.Mass.auroc.low: stored 0.1",
    ),
    "a threshold": (
        change_json("summary", set_in(*TEST, "findings", "Mass", "threshold", value=0.5)), "thresholds",
        "test.Mass.threshold: stored 0.5",
    ),
    "a control": (
        change_json(
            "summary",
            set_in("localization", "exact_cam", "sealed", "controls", "macro", "center", "iou", "value", value=2),
        ),
        "numbers, boxes",
        "sealed.controls.macro.center.iou.value: stored 2",
    ),
    "a grid": (set_cell("localization", "grid", lambda grid: f"{grid}0", "sealed"), "maps, sealed", "grid of"),
    "a flag hidden": (change_json("summary", set_in("flags", value=["none"])), "flags", "flags"),
    "the label-only model": (
        change_json("summary", set_in("label_only", "macro", "value", value=0.5)), "age, sex, view alone",
        "label_only.macro.value: stored 0.5",
    ),
    "the protocol": (
        change_json("summary", set_in("protocol", "split", value="patient")), "protocol",
        "protocol.split: stored patient, recomputed official",
    ),
    "the best epoch": (change_json("summary", set_in("best_epoch", value=7)), "epochs", "best_epoch (checkpoint)"),
    "split.csv": (move_a_patient, "split", "in one part"),
    "config.yaml": (change_text("config.yaml", "lr: 0.0", "lr: 1.0"), "configuration", "config_sha256"),
    "a folder of another name": (
        change_text("config.yaml", "model=resnet10", "model=resnet50"), "configuration", "name of the folder",
    ),
    "a map": (change_map, "maps, sealed", "of sealed epoch"),
    "a score": (set_cell("localization", "iou", lambda v: v / 2, "sealed"), "maps, sealed", "iou of sealed"),
    "a score, in a number": (
        set_cell("localization", "iou", lambda v: v / 2, "sealed"), "numbers, boxes", "localization.exact_cam.sealed",
    ),
    "a score above the ceiling": (set_cell("localization", "iou", lambda v: 1.5, "sealed"), "scores", "at most"),
    "a patient in both halves": (
        change_table("localization", lambda t: t.assign(patient_id="1")), "box halves", "patient 1",
    ),
    "a checkpoint": (change_checkpoint, "files", "checkpoints/best.ckpt"),
    "a checkpoint, its hash too": (name_other_files, "logits again", "logit of"),
    "the code": (change_json("certificate", set_in("code", "sha256", value="0" * 64)), "code", "stored 00000000"),
    "the data": (
        change_json("certificate", set_in("data", "files", "BBox_List_2017.csv", value="0" * 64)), "data",
        "data.files.BBox_List_2017.csv: stored 00000000",
    ),
    "a count": (change_json("certificate", set_in("boxes", "sealed_studies", value=99)), "data", "boxes.sealed"),
    "a plan": (
        change_json("certificate", set_in("plans", value=[{"sha256": "0" * 64, "text": "x"}])), "plan", "00000000",
    ),
    "a checkpoint of noise": (lambda folder: folder.best.write_bytes(b"noise"), "numbers", "the rest cannot be"),
    "half a summary": (
        change_json("summary", lambda node: node["classification"].pop("test")), "this reading", "KeyError 'test'",
    ),
    "a part that nobody predicted": (
        change_json("certificate", set_in("split", "images", "external", value=3)), "rows", "images of external",
    ),
    "the ledger": (lambda folder: folder.ledger.unlink(), "ledger", "readings of test labels: stored 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_changed_is_found_and_named(name: str, copy: RunFolder, data: ChestXrayDataModule) -> None:
    tamper, check, words = TAMPERINGS[name]
    tamper(copy)
    found = examine(copy, data, recompute=check == "logits again")[check]
    assert found.outcome == "does not hold"
    assert words in found.words


def test_other_libraries_are_no_lie(copy: RunFolder) -> None:
    change_json("certificate", set_in("versions", "torch", value="1.0"))(copy)
    check = examine(copy, None)["versions"]
    assert (check.outcome, check.words[:36]) == ("not checked", "other libraries: torch 1.0 then, 2.1")


def test_a_folder_cannot_have_anything_built(copy: RunFolder, data: ChestXrayDataModule) -> None:
    change_text("config.yaml", "cxr_xai.data.splits.official.OfficialSplit", "os.system")(copy)
    evidence = read_evidence(copy, str(data.root), "/nowhere")
    assert evidence.data is None
    assert "os.system, which no member of conf/ does" in evidence.why_no_data


def test_the_command_prints_a_table_and_fails_by_name(
    copy: RunFolder, data: ChestXrayDataModule, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = {"folder": str(copy.path), "root": None, "recompute": False, "paths": {"cache": str(tmp_path)}}
    run_verify(settings)
    printed = capsys.readouterr().out
    assert "0 does not hold, 0 not checked" in " ".join(printed.split())
    assert "inconsistency, not forgery" in printed
    summary = json.loads(copy.summary.read_text())
    summary["classification"]["test"]["macro"]["auroc"]["value"] = 0.99
    copy.summary.write_text(json.dumps(summary))
    with pytest.raises(UserError, match=r"^1 of \d+ checks do not hold: numbers, test\.$"):
        run_verify(settings)
    with pytest.raises(UserError, match="not a complete run"):
        run_verify({**settings, "folder": str(tmp_path / "nothing")})
