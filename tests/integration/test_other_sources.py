"""A run of the phantom's films scored on folders of other sources, in the layouts in which those are published."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.evaluate.run import run_evaluate
from cxr_xai.experiments.run import run_training
from cxr_xai.findings import FINDINGS
from tests.data.readers.published import write_chexpert, write_rsna, write_vindr

VINDR = {"Effusion": "Pleural effusion", "Pleural_Thickening": "Pleural thickening", "Fibrosis": "Pulmonary fibrosis"}
VINDR |= {name: name for name in ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pneumothorax", "Pneumonia")}
CHEXPERT = {name: VINDR[name] for name in ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pneumothorax")}
CHEXPERT |= {"Pneumonia": "Pneumonia", "Effusion": "Pleural Effusion"}
SILENT = {"Infiltration", "Mass", "Nodule", "Hernia"}

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def phantom(finished: RunFolder, small_data: Path) -> pd.DataFrame:
    """The phantom's study table, with a film for every row."""
    assert finished.summary.is_file()
    return NihReader().read(small_data / "phantom").studies


@pytest.fixture(scope="module")
def boxes(phantom: pd.DataFrame, small_data: Path) -> pd.DataFrame:
    return NihReader().read_tables(small_data / "phantom").boxes


@pytest.fixture(scope="module")
def ask(finished: RunFolder, small_data: Path) -> Ask:
    words = [f"checkpoint={finished.path}", "bootstrap=20", "device=cpu", f"paths.cache={small_data / 'other'}"]
    return lambda source, root, *more: compose(
        "evaluate", [*words, f"datamodule={source}", f"datamodule.root={root}", *more]
    )


def read_pixels(path: str) -> Any:
    return cv2.imread(path, cv2.IMREAD_GRAYSCALE)


def make_vindr(root: Path, studies: pd.DataFrame, boxes: pd.DataFrame) -> None:
    """The phantom's test films with its boxes as the consensus, some of its others read by three."""
    test, train = studies[studies["official"] == "test"], studies[studies["official"] == "train_val"].head(12)

    def said(row: Any) -> tuple[list[Any], list[str]]:
        mine = boxes[(boxes["image_id"] == row.image_id) & boxes["finding"].isin(VINDR)]
        drawn = [(VINDR[b.finding], *(64 * edge for edge in (b.x0, b.y0, b.x1, b.y1))) for b in mine.itertuples()]
        return drawn, [theirs for ours, theirs in VINDR.items() if getattr(row, ours) == 1] or ["No finding"]

    consensus = {f"test{n:028x}": said(row) for n, row in enumerate(test.itertuples())}
    readers = {
        f"trai{n:028x}": [(r, *said(row)) for r in ("R1", "R2", "R3")] for n, row in enumerate(train.itertuples())
    }
    paths = [*train["path"], *test["path"]]
    films = {name: read_pixels(path) for name, path in zip([*readers, *consensus], paths, strict=True)}
    write_vindr(root, readers, consensus, films)


def test_vindr_as_an_external_test(
    finished: RunFolder,
    phantom: pd.DataFrame,
    boxes: pd.DataFrame,
    ask: Ask,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_vindr(tmp_path / "vindr", phantom, boxes)
    folder = RunFolder(tmp_path / "out")
    run_evaluate(*ask("vindr", tmp_path / "vindr", f"output={folder.path}"))
    summary, said = folder.read_summary(), capsys.readouterr().out
    assert set(summary["evaluation"]["unknown"]) == SILENT
    test = summary["classification"]["test"]
    own = pd.read_parquet(finished.predictions).query("part == 'test'")
    assert test["studies"] == own["image_id"].nunique(), "the published test films, and no other"
    mine = pd.read_parquet(folder.predictions)
    for name in ("Effusion", "Cardiomegaly"):  # the same films and labels under other names: the same ranking
        probs, other = (np.sort(t.loc[t["finding"] == name, "prob"].to_numpy()) for t in (mine, own))
        np.testing.assert_allclose(probs, other, atol=0.02)
    assert mine.loc[mine["finding"].isin(SILENT), "target"].isna().all()
    assert test["findings"]["Mass"]["auroc"]["value"] is None, "undefined"
    assert test["macro"]["auroc"]["over"] <= len(FINDINGS) - len(SILENT)
    page = folder.report.read_text()
    for words in (
        "trained on phantom, these films are of vindr",
        "Labels: majority of readers, consensus on test; boxes mean; patients one a film, for none are published.",
        "Crosswalk of findings: same.",
        "These data say nothing of Infiltration, Mass, Nodule, Hernia",
        "VinDr-CXR",
    ):
        assert words in page, words
        assert words in " ".join(said.split()) or words == "VinDr-CXR"
    assert set(summary["localization"]["exact_cam"]) == {"sealed"}
    located = summary["localization"]["exact_cam"]["sealed"]["findings"]
    assert located["Cardiomegaly"]["boxes"] == (boxes["finding"] == "Cardiomegaly").sum()
    assert summary["protocol"]["label"].startswith("vindr, split official")
    assert json.loads(folder.certificate.read_text())["data"]["about"]["crosswalk"] == "same"


def make_chexpert(root: Path, studies: pd.DataFrame, boxes: pd.DataFrame) -> None:
    """The phantom's films as JPEG, some labels uncertain or unsaid, and its boxes as masks of ellipses."""
    parts: dict[str, dict[str, Any]] = {"train": {}, "test": {}}
    films, masks = {}, {}
    for n, row in enumerate(studies.itertuples()):
        part = "test" if row.official == "test" else "train"
        place = f"patient{int(row.patient_id):05d}/study{n}/view1_frontal.jpg"
        parts[part][place] = {theirs: getattr(row, ours) for ours, theirs in CHEXPERT.items()}
        if part == "train" and n % 5 == 0:
            parts[part][place] |= {"Edema": -1.0, "Consolidation": None}
        films[place] = read_pixels(row.path)
        mine = boxes[(boxes["image_id"] == row.image_id) & boxes["finding"].isin(CHEXPERT)]
        for box in mine.itertuples():
            mask = masks.setdefault(place, {}).setdefault(CHEXPERT[box.finding], np.zeros((64, 64), np.uint8))
            center, half = (
                (32 * (box.x0 + box.x1), 32 * (box.y0 + box.y1)),
                (32 * (box.x1 - box.x0), 32 * (box.y1 - box.y0)),
            )
            cv2.ellipse(mask, [int(c) for c in center], [max(1, int(h)) for h in half], 0, 0, 360, 1, -1)
    write_chexpert(root, parts, masks, films)


def test_chexpert_with_masks(phantom: pd.DataFrame, boxes: pd.DataFrame, ask: Ask, tmp_path: Path) -> None:
    make_chexpert(tmp_path / "chexpert", phantom, boxes)
    folder = RunFolder(tmp_path / "out")
    run_evaluate(*ask("chexpert", tmp_path / "chexpert", f"output={folder.path}"))
    summary, page = folder.read_summary(), folder.report.read_text()
    found = summary["localization"]["exact_cam"]["sealed"]
    assert found["mask_iou"]["micro"]["pairs"] == found["micro"]["pairs"] > 10
    table = pd.read_parquet(folder.localization)
    live = table[~table["dead"]]
    assert (live["energy"] <= live["ceiling_energy"] + 1e-4).all()
    assert (live["iou"] <= live["ceiling_iou"] + 1e-4).all()
    assert (table["prior_energy"].dropna() <= table.loc[table["prior_energy"].notna(), "ceiling_energy"] + 1e-4).all()
    for words in ("Maps are judged by marked pixels", "Mask IoU", "CheXpert", "uncertain ignore; blank unknown"):
        assert words in page, words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "words"),
    [("vindr", ["split=official"]), ("chexpert", ["split=patient", "loss=focal", "balancing=sampler"])],
)
def test_training_on_them(
    source: str,
    words: list[str],
    phantom: pd.DataFrame,
    boxes: pd.DataFrame,
    small_overrides: list[str],
    tmp_path: Path,
) -> None:
    """Findings that are unknown everywhere survive losses, balancing, prevalence, calibration, thresholds and maps."""
    {"vindr": make_vindr, "chexpert": make_chexpert}[source](tmp_path / source, phantom, boxes)
    kept = [word for word in small_overrides if not word.startswith("datamodule.reader")]
    words = [*words, f"datamodule={source}", f"datamodule.root={tmp_path / source}", "trainer.max_epochs=1"]
    more = ["model=resnet10", "datamodule.image_size=64", f"paths.outputs={tmp_path}", f"paths.cache={tmp_path}"]
    settings, choices = compose("train", [*kept, *words, *more])
    run_training(settings, choices)
    folder = RunFolder(tmp_path / settings["name"] / name_cell(settings, choices))
    summary = folder.read_summary()
    test = summary["classification"]["test"]
    assert test["findings"]["Hernia"]["auroc"]["value"] is None, "undefined"
    assert test["macro"]["auroc"]["over"] >= 1
    assert pd.read_parquet(folder.predictions)["prob"].notna().all()
    assert summary["protocol"]["about"]["crosswalk"] == "same"
    if source == "chexpert":
        split = pd.read_csv(folder.split, skiprows=1, dtype=str)
        assert split[split["part"].notna()].groupby("patient_id")["part"].nunique().max() == 1


@pytest.fixture(scope="module")
def run_of_nih(
    finished: RunFolder, small_data: Path, small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    """An epoch on the phantom read as NIH, with no more around it than an evaluation asks for."""
    assert finished.summary.is_file()
    kept = [word for word in small_overrides if not word.startswith(("datamodule.reader", "bootstrap"))]
    words = ["datamodule=nih", f"datamodule.root={small_data / 'phantom'}", "split=official", "trainer.max_epochs=1"]
    outputs = tmp_path_factory.mktemp("nih")
    less = ["model=resnet10", "bootstrap=1", f"paths.outputs={outputs}"]
    settings, choices = compose("train", [*kept, *words, *less])
    run_training(settings, choices)
    return RunFolder(outputs / settings["name"] / name_cell(settings, choices))


def test_a_run_of_nih_on_films_of_nih(run_of_nih: RunFolder, phantom: pd.DataFrame, tmp_path: Path) -> None:
    """With the mapping whoever trained it is left out; without it nothing is scored unless that is accepted."""
    run = run_of_nih
    names = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(len(phantom))]
    found = [[(300.0, 400.0, 200.0, 200.0)] if sick == 1 else [] for sick in phantom["Pneumonia"]]
    films = dict(zip(names, map(read_pixels, phantom["path"]), strict=True))
    mapping = dict(zip(names, phantom["image_id"], strict=True))
    write_rsna(tmp_path / "rsna", dict(zip(names, found, strict=True)), mapping, films)
    asked = [
        f"checkpoint={run.path}",
        "bootstrap=20",
        "device=cpu",
        "datamodule=rsna",
        f"datamodule.root={tmp_path / 'rsna'}",
    ]
    asked.append(f"paths.cache={tmp_path / 'cache'}")
    with pytest.raises(UserError, match="nothing says which"):
        run_evaluate(*compose("evaluate", asked))
    told = "datamodule.reader.mapping=pneumonia-challenge-dataset-mappings_2018.json"
    run_evaluate(*compose("evaluate", [*asked, told, f"output={tmp_path / 'linked'}"]))
    linked = RunFolder(tmp_path / "linked")
    scored = pd.read_parquet(linked.predictions)
    split = pd.read_csv(run.split, skiprows=1, dtype=str).set_index("patient_id")["part"]
    assert set(split.loc[scored["patient_id"].unique()]) == {"test"}
    assert scored["patient_id"].nunique() == (split[split == "test"]).index.nunique()
    assert set(linked.read_summary()["evaluation"]["left_out"]) == {"train", "val"}
    run_evaluate(*compose("evaluate", [*asked, "may_have_met=true", f"output={tmp_path / 'unlinked'}"]))
    marks = RunFolder(tmp_path / "unlinked").read_summary()["evaluation"]["marks"]
    assert any("They are no external test." in mark for mark in marks)
