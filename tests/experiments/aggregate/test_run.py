"""From folders to tables: the whole path on sweeps made by hand."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.aggregate_folder import OUT_OF_FOLD_COLUMNS, AggregateFolder
from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.index import Index
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.run import run_aggregate
from cxr_xai.experiments.command import compose
from cxr_xai.files import read_json, write_json
from cxr_xai.loggers.wandb_logged import read_logged
from cxr_xai.loggers.wandb_records import list_logs, read_records
from cxr_xai.stats.permutation import permutations_needed


def aggregate(runs: Path, output: Path, *overrides: str) -> AggregateFolder:
    settings, choices = compose("aggregate", [f"runs={runs}", f"output={output}", "replicates=100", *overrides])
    run_aggregate(settings, choices)
    return AggregateFolder(output)


@pytest.fixture(scope="module")
def folded(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> AggregateFolder:
    return aggregate(
        sound, tmp_path_factory.mktemp("folded"), "primary=[focal,bce]", "metrics=[auroc,f1]", "logger=wandb"
    )


def test_every_study_is_there_once_per_arm_and_seed(folded: AggregateFolder, index: Index, sound: Path) -> None:
    table = pd.read_parquet(folded.out_of_fold)
    assert tuple(table.columns) == OUT_OF_FOLD_COLUMNS
    assert not table.duplicated(["arm", "seed", "image_id", "finding"]).any()
    counts = table.groupby(["arm", "seed"], observed=True)["image_id"].nunique()
    assert counts.tolist() == [len(index.studies)] * 2
    assert table.groupby("patient_id")["fold"].nunique().max() == 1
    row = table[(table["arm"] == "focal") & (table["finding"] == "Edema")].iloc[17]
    path = RunFolder(next(sound.glob(f"*-focal-*-f{row['fold']}-*"))).predictions
    own = pd.read_parquet(path).query("image_id == @row.image_id and finding == 'Edema'").iloc[0]
    assert (own["part"], own["prob"], own["pred"]) == ("test", row["prob"], row["pred"])


def test_it_is_a_run_of_its_own_with_the_same_numbers(folded: AggregateFolder) -> None:
    [log] = list_logs(folded.path)
    records = read_records(log)
    [run] = [record.run for record in records if record.HasField("run")]
    assert (run.run_group, run.job_type) == ("x", "aggregate"), "the group of its cells"
    assert re.fullmatch(r"aggregate [0-9a-f]{8}", run.display_name)
    [row] = [record.history for record in records if record.HasField("history")]
    values = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in row.item}
    summary = folded.read_summary()
    primary = summary["contrasts"]["focal − bce"]["auroc"]["macro"]
    assert [values[f"primary/difference{end}"] for end in ("", "/low", "/high", "/p")] == [
        primary[key] for key in ("value", "low", "high", "p")
    ]
    assert values["difference/auroc/focal_against_bce"] == primary["value"]
    assert values["aggregate/auroc/focal/high"] == summary["arms"]["focal"]["macro"]["auroc"]["high"]
    assert values["aggregate/iou/focal"] == summary["localization"]["exact_cam"]["focal"]["macro"]["iou"]["value"]
    logged = read_logged([folded.path])
    assert {f"aggregate/tables/{name}" for name in summary["tables"]} <= logged.tables
    assert {f"aggregate/figures/{name}" for name in ("arms", "findings", "differences")} <= logged.pictures
    assert not set(logged.numbers) & logged.pictures


def test_the_numbers(folded: AggregateFolder, index: Index) -> None:
    summary = folded.read_summary()
    assert (summary["studies"], summary["patients"]) == (len(index.studies), 60)
    design = summary["design"]
    assert (design["arms"], design["seeds"], design["folds"], design["pool"]) == (["bce", "focal"], [0], 3, "all")
    assert len(summary["runs"]) == len(summary["folds"]) == 6
    assert all(len(run["summary_sha256"]) == 64 for run in summary["runs"])
    for arm, numbers in summary["arms"].items():
        own = [row["auroc"] for row in summary["folds"] if row["arm"] == arm]
        assert numbers["macro"]["auroc"]["value"] == pytest.approx(np.mean(own))
        assert numbers["macro"]["auroc"]["sd"] == pytest.approx(np.std(own, ddof=1))
    macro = summary["contrasts"]["focal − bce"]["auroc"]["macro"]
    difference = summary["arms"]["focal"]["macro"]["auroc"]["value"] - summary["arms"]["bce"]["macro"]["auroc"]["value"]
    assert macro["value"] == pytest.approx(difference)
    assert "every study was trained on by some fold" in summary["ensemble"]["refused"]
    assert summary["localization"]["exact_cam"]["focal"]["maps"] > 0
    assert summary["box_contrasts"]["exact_cam"]["focal − bce"]["iou"]["macro"]["value"] > 0.05
    json.loads(folded.summary.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_files_and_page(folded: AggregateFolder) -> None:
    names = {path.stem for path in folded.tables.iterdir()}
    assert {"arms", "findings_auroc", "metrics_focal", "folds", "contrasts", "localization_exact_cam", "runs"} <= names
    assert all((folded.tables / f"{name}.{suffix}").is_file() for name in names for suffix in ("md", "tex", "csv"))
    assert "declared by the command line" in folded.report.read_text()


def test_the_terminal_fits_80_columns(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aggregate(sound, tmp_path, "metrics=[auroc]")
    shown = capsys.readouterr().out
    lines = shown.replace(str(tmp_path), "").splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    for words in ("6 runs: 2 arms × 1 seed × 3 folds", "focal − bce", "no contrast was declared primary", "labels"):
        assert words in shown


def test_seeds_without_folds_are_averaged_over(write: Callable[..., Path], tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", k=None, seeds=(0, 1, 2))
    aggregate(runs, tmp_path / "out", "metrics=[brier]")
    (tmp_path / "out/tables/my_own.tex").write_text("mine")
    folder = aggregate(runs, tmp_path / "out", "metrics=[auroc]")
    assert not (folder.tables / "findings_brier.tex").exists(), "of the former aggregate"
    assert (folder.tables / "my_own.tex").read_text() == "mine"
    summary = folder.read_summary()
    assert (summary["design"]["folds"], summary["design"]["seeds"]) == (None, [0, 1, 2])
    own = [row["auroc"] for row in summary["folds"] if row["arm"] == "bce"]
    macro = summary["arms"]["bce"]["macro"]["auroc"]
    assert macro["value"] == pytest.approx(np.mean(own))
    assert macro["sd"] == pytest.approx(np.std(own, ddof=1))
    assert summary["contrasts"]["focal − bce"]["auroc"]["macro"]["p_t"] is None, "one fold has no t-test"


def test_a_single_run_is_an_aggregate_too(sound: Path, tmp_path: Path, write: Callable[..., Path]) -> None:
    runs = write(tmp_path / "runs", arms=("bce",), k=None)
    summary = aggregate(next(runs.iterdir()), tmp_path / "out", "metrics=[auroc]").read_summary()
    assert (summary["design"]["arms"], summary["contrasts"]) == (["resnet10"], {})
    assert summary["arms"]["resnet10"]["macro"]["auroc"]["sd"] is None
    assert next(runs.iterdir()).joinpath("aggregate").exists() is False


def test_an_ensemble_on_what_is_held_out(write: Callable[..., Path], tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", pool="train_val", source="phantom")
    folder = aggregate(runs, tmp_path / "out", "metrics=[auroc]")
    assert folder.read_summary()["ensemble"]["split"] == "official test, ensemble of 3 folds trained on train_val"
    text = (folder.tables / "ensemble.md").read_text()
    assert "phantom, split official test, ensemble of 3 folds trained on train_val" in text
    assert "Phantom numbers" in text
    assert "ensemble of 3 folds" not in (folder.tables / "arms.md").read_text()


def test_a_sweep_says_what_is_primary(copy: Path, tmp_path: Path) -> None:
    sweep = {"reference": "bce", "primary": {"arm": "focal", "against": "bce"}}
    cells = [{"folder": path.name} for path in copy.iterdir()]
    write_json(copy / "sweep.json", {"schema_version": 1, "cells": cells, **sweep})
    summary = aggregate(copy, tmp_path / "out", "metrics=[f1]").read_summary()
    design = summary["design"]
    assert (design["declared_by"], design["contrasts"]) == ("the sweep", [["focal", "bce"]])
    assert summary["contrasts"]["focal − bce"]["auroc"]["macro"]["primary"], "its metric is compared though not asked"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("metrics=[recall]", "metrics=recall: not one of those with intervals"),
        ("replicates=10", "replicates=10; an interval needs 100 or more"),
        ("margin=0", "margin=0; it must be above 0"),
        ("metrics=null", r"metrics=None; it is a list: metrics=\[auroc,f1\]"),
        ("replicates=abc", "replicates=abc; an interval needs 100 or more"),
        ("replicates=null", "replicates=None; an interval needs 100 or more"),
        ("margin=x", "margin=x; it must be above 0"),
    ],
)
def test_wrong_options(sound: Path, tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        aggregate(sound, tmp_path, override)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_where_something_is_refused(copy: Path, tmp_path: Path) -> None:
    RunFolder(next(copy.iterdir())).summary.unlink()
    with pytest.raises(UserError, match="incomplete"):
        aggregate(copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_reads_are_noted_and_a_plan_says_what_is_primary(copy: Path, tmp_path: Path) -> None:
    text = (
        "{primary: {metric: auroc/Mass, arms: [focal, bce]}, findings: all, metrics: [auroc], margin: 0.02,"
        " alpha: 0.01, seeds: [1, 0]}"
    )
    for path in copy.iterdir():
        folder = RunFolder(path)
        entry = {"sha256": "f" * 64, "first_seen": "2026-01-01T00:00:00.000+00:00", "text": text}
        write_json(folder.certificate, read_json(folder.certificate) | {"plans": [entry]})
    summary = aggregate(copy, tmp_path / "out", "metrics=[auroc]").read_summary()
    assert summary["design"]["declared_by"] == "the analysis plan ffffffff, first seen 2026-01-01"
    assert summary["design"]["primary"] == {"metric": "auroc", "over": "Mass"}
    assert (summary["design"]["margin"], summary["design"]["alpha"]) == (0.02, 0.01)
    assert summary["design"]["remark"] == "The plan names the seeds 0, 1; the runs have 0."
    rows = summary["contrasts"]["focal − bce"]["auroc"]
    assert [over for over, row in rows.items() if row["primary"]] == ["Mass"]
    assert min(row["p"] for row in rows.values()) == pytest.approx(1 / (permutations_needed(15, 0.01) + 1))
    assert "Tests are at 0.01, intervals at 95 %." in (tmp_path / "out/tables/contrasts.md").read_text()
    ledger = read_ledger(RunFolder(next(copy.iterdir())).ledger)
    assert ledger["what"].tolist()[-2:] == ["test labels", "sealed boxes"]
    assert set(ledger["purpose"]) == {"aggregate"}
