"""A checkpoint scored on its own test part gives the run's own numbers; elsewhere it says what must be said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.evaluate.run import run_evaluate
from cxr_xai.experiments.run import run_training

KEYS = ["image_id", "finding"]


@pytest.fixture(scope="module")
def ask(finished: RunFolder, small_overrides: list[str]) -> Any:
    kept = [word for word in small_overrides if word.startswith(("datamodule.", "paths."))]
    kept += ["datamodule=phantom", "split=official"]
    return lambda *words: compose(
        "evaluate", [*kept, f"checkpoint={finished.path}", "bootstrap=50", "device=cpu", *words]
    )


@pytest.fixture(scope="module")
def own(finished: RunFolder, ask: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run's own test part, scored again; its ledger is left as it was."""
    folder, ledger = RunFolder(tmp_path_factory.mktemp("own")), finished.ledger.read_bytes()
    run_evaluate(*ask(f"output={folder.path}"))
    (folder.path / "noted.csv").write_bytes(finished.ledger.read_bytes())
    finished.ledger.write_bytes(ledger)
    return folder


def test_its_own_test_part_gives_its_own_numbers(finished: RunFolder, own: RunFolder) -> None:
    found, stored = own.read_summary(), finished.read_summary()
    tables = [pd.read_parquet(folder.predictions) for folder in (own, finished)]
    tables = [t[t["part"] == "test"].sort_values(KEYS).reset_index(drop=True) for t in tables]
    pd.testing.assert_frame_equal(*tables, atol=1e-5, rtol=0)
    for key in ("auroc", "f1", "brier_calibrated"):
        one, other = (each["classification"]["test"]["macro"][key]["value"] for each in (found, stored))
        assert one == pytest.approx(other, abs=1e-4), key
    assert found["classification"]["val"]["macro"] == stored["classification"]["val"]["macro"]
    assert found["label_only"]["macro"]["value"] == pytest.approx(stored["label_only"]["macro"]["value"], abs=1e-9)
    one, other = (each["localization"]["exact_cam"]["sealed"]["micro"]["iou"] for each in (found, stored))
    assert one == pytest.approx(other, abs=1e-4)
    assert "monitored" in found["localization"]["exact_cam"], "apart, since the run has watched them"
    assert found["evaluation"]["marks"] == []


def test_what_it_leaves(finished: RunFolder, own: RunFolder) -> None:
    certificate = json.loads(own.certificate.read_text())
    assert certificate["run"]["name"] == finished.path.name
    assert certificate["checkpoint"]["sha256"] == finished.read_summary()["files"]["checkpoints/best.ckpt"]
    assert certificate["data"]["sha256"] == json.loads(finished.certificate.read_text())["data"]["sha256"]
    page = own.report.read_text()
    assert page.index("For research, not for clinical use") < page.index("<nav"), "at the top"
    for words in ("A checkpoint, evaluated", "sealed half", "Age, sex and view alone", "best.ckpt"):
        assert words in page
    noted = read_ledger(own.path / "noted.csv").tail(3)
    assert noted["what"].tolist() == ["test labels", "monitored boxes", "sealed boxes"]
    assert noted["purpose"].str.startswith("evaluation on phantom").all()


def test_again_it_is_shown_and_other_weights_are_refused(
    own: RunFolder, ask: Any, finished: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before, ledger = own.summary.stat().st_mtime_ns, finished.ledger.read_bytes()
    run_evaluate(*ask(f"output={own.path}"))
    assert "is complete" in capsys.readouterr().out
    assert own.summary.stat().st_mtime_ns == before
    assert finished.ledger.read_bytes() == ledger, "nothing was read again"
    with pytest.raises(UserError, match=r"made with other settings .*fresh=true"):
        run_evaluate(*ask(f"output={own.path}", "part=all"))


def test_a_table_that_was_written_is_not_made_again(own: RunFolder, ask: Any, tmp_path: Path) -> None:
    """Cut off after the predictions: they are read, and the end is the same."""
    cut = RunFolder(tmp_path / "cut")
    cut.path.mkdir()
    for path in (own.certificate, own.predictions):
        (cut.path / path.name).write_bytes(path.read_bytes())
    time = cut.predictions.stat().st_mtime_ns
    run_evaluate(*ask(f"output={cut.path}"))
    assert cut.predictions.stat().st_mtime_ns == time
    assert cut.read_summary()["classification"] == own.read_summary()["classification"]


def test_all_films_leave_out_whom_the_run_has_met(finished: RunFolder, ask: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "all")
    run_evaluate(*ask(f"output={folder.path}", "part=all", "boxes=false"))
    split = pd.read_csv(finished.split, skiprows=1, dtype=str)
    table = pd.read_parquet(folder.predictions)
    assert set(table["image_id"]) == set(split.loc[split["part"] == "test", "image_id"])
    assert (table["part"] == "all").all()
    summary = folder.read_summary()
    assert summary["evaluation"]["left_out"] == {
        part: int((split["part"] == part).sum()) for part in summary["evaluation"]["left_out"]
    }
    assert set(summary["evaluation"]["left_out"]) == {"train", "val"}
    assert summary["localization"] == {}
    assert not folder.localization.exists()
    assert "No localization" in folder.report.read_text()
    assert summary["protocol"]["label"] == "phantom, all films"
    counts = [f"{n} of its {part}" for part, n in summary["evaluation"]["left_out"].items()]
    assert summary["evaluation"]["marks"] == [
        f"The run has met some of these patients, whose films are left out: {', '.join(counts)}."
    ]


def test_a_part_with_patients_that_trained_is_refused_by_name(ask: Any, finished: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"part=test of split=patient holds .* patients .*first is \d+, in its t.*all"):
        run_evaluate(*ask(f"output={tmp_path / 'no'}", "split=patient"))
    assert not (tmp_path / "no").exists()
    folder = RunFolder(tmp_path / "val")
    run_evaluate(*ask(f"output={folder.path}", "split=file", f"split.path={finished.split}", "part=val", "boxes=false"))
    assert "optimistic" in folder.read_summary()["evaluation"]["marks"][0]
    assert folder.read_summary()["protocol"]["split"] == "official, part val"


def test_another_phantom_is_another_source(ask: Any, tmp_path: Path) -> None:
    """Equal patient ids are other people there; its films are scored whole, and larger ones are made as the run's."""
    folder = RunFolder(tmp_path / "other")
    words = ["datamodule.reader.seed=1", f"datamodule.root={tmp_path / 'phantom'}", "datamodule.image_size=96"]
    run_evaluate(
        *ask(f"output={folder.path}", *words, f"paths.cache={tmp_path / 'cache'}", "datamodule.cache_dir=null")
    )
    summary = folder.read_summary()
    assert "another phantom" in summary["evaluation"]["marks"][0]
    assert "datamodule.image_size=96 is not used" in summary["evaluation"]["marks"][1]
    assert set(summary["localization"]["exact_cam"]) == {"sealed"}, "the run watched none of these boxes"
    assert summary["label_only"] is not None
    assert np.isfinite(summary["classification"]["test"]["macro"]["auroc"]["value"])


@pytest.fixture
def shifted(finished: RunFolder) -> Iterator[Path]:
    """The best weights a step later, every logit greater by 3: their ranking is the same, their thresholds are not."""
    path, held = finished.checkpoints / "shifted.ckpt", torch.load(finished.best, weights_only=True)
    held["state_dict"]["model.head.bias"] += 3
    torch.save({**held, "global_step": held["global_step"] + 1}, path)
    yield path
    path.unlink()


def test_other_weights_have_a_decision_of_their_own(
    finished: RunFolder, shifted: Path, ask: Any, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "shifted")
    run_evaluate(*ask(f"checkpoint={shifted}", f"output={folder.path}", "boxes=false"))
    certificate = json.loads(folder.certificate.read_text())
    assert (certificate["checkpoint"]["file"], certificate["checkpoint"]["best"]) == ("shifted.ckpt", False)
    [mark] = folder.read_summary()["evaluation"]["marks"]
    assert "fitted to what they say" in mark
    tables = [pd.read_parquet(each.predictions).query("part == 'test'") for each in (folder, finished)]
    one, other = (table.set_index(KEYS).sort_index() for table in tables)
    assert (one["prob"] > other["prob"]).all()
    assert (one["pred"] == other["pred"]).mean() > 0.95, "thresholds went along"


@pytest.fixture(scope="module")
def guided(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that trained on boxes, divided by patient, with some of val set aside."""
    words = ["split=patient", "split.selection=0.5", "guidance=energy", "trainer.max_epochs=1"]
    settings, choices = compose(
        "train", [*small_overrides, *words, f"paths.outputs={tmp_path_factory.mktemp('guided')}"]
    )
    run_training(settings, choices)
    return RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / name_cell(settings, choices))


def evaluate_at_home(run: RunFolder, *words: str) -> RunFolder:
    """Evaluate a run, naming neither its data nor its split."""
    before = set(run.path.glob("evaluated/*"))
    run_evaluate(*compose("evaluate", [f"checkpoint={run.path}", "bootstrap=50", "device=cpu", *words]))
    [made] = set(run.path.glob("evaluated/*")) - before
    return RunFolder(made)


def test_a_guided_run_is_evaluated_on_its_own_data_and_split(guided: RunFolder) -> None:
    folder = evaluate_at_home(guided)
    assert folder.path.name.startswith("phantom-patient-test-")
    found, stored = folder.read_summary(), guided.read_summary()
    assert found["evaluation"]["marks"] == []
    assert found["classification"]["test"]["macro"]["auroc"]["value"] == pytest.approx(
        stored["classification"]["test"]["macro"]["auroc"]["value"], abs=1e-4
    )
    maps = found["localization"]["exact_cam"]
    assert set(maps) == {"sealed"}
    assert maps["sealed"]["micro"]["pairs"] == stored["localization"]["exact_cam"]["sealed"]["micro"]["pairs"]
    assert "trained on" in found["protocol"]["uses_of_boxes"]


def test_boxes_of_its_own_val_were_watched(guided: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder = evaluate_at_home(guided, "part=val")
    maps, stored = (each.read_summary()["localization"]["exact_cam"] for each in (folder, guided))
    assert set(maps) == {"monitored"}
    assert maps["monitored"]["micro"]["pairs"] == stored["monitored"]["micro"]["pairs"]
    said, page = capsys.readouterr().out, folder.report.read_text()
    assert "Classification, val:" in said
    assert "sealed boxes" not in said
    assert "No sealed boxes were scored" in page
    assert " · val: " in page
    noted = read_ledger(guided.ledger).tail(2)
    assert noted["what"].tolist() == ["val labels", "monitored boxes"]


def test_bad_settings(ask: Any, finished: RunFolder) -> None:
    for words, message in (
        ("part=train", "part=train: expected test, val or all"),
        ("boxes=2", "boxes=2: expected true or false"),
        ("bootstrap=0", "bootstrap=0: expected a whole number"),
        (f"output={finished.path}", "is a run folder; name another place"),
        ("checkpoint=nowhere", "no such file or folder"),
    ):
        with pytest.raises(UserError, match=message):
            run_evaluate(*ask(words))
