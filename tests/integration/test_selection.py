"""A run whose epoch is chosen by boxes that were set aside: they are in no number, and everything says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.pareto import read_pareto
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.verification.checks import Check

PROJECT = Path(__file__).parents[2]
SELECTING = (
    "split=patient",
    "split.selection=0.5",
    "callbacks.checkpoint.monitor=selection/score",
    "callbacks.checkpoint.mode=max",
)


@pytest.fixture(scope="module")
def selected(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    from cxr_xai.experiments.cell import name_cell
    from cxr_xai.experiments.command import compose
    from cxr_xai.experiments.run import run_training

    outputs = tmp_path_factory.mktemp("selected")
    settings, choices = compose(
        "train", [*small_overrides, *SELECTING, "trainer.max_epochs=3", f"paths.outputs={outputs}"]
    )
    run_training(settings, choices)
    return RunFolder(outputs / settings["name"] / name_cell(settings, choices))


def read_parts(folder: RunFolder) -> pd.DataFrame:
    return pd.read_csv(folder.split, skiprows=1, dtype=str, keep_default_na=False)


def verify_folder(folder: RunFolder, whole: bool = False) -> dict[str, Check]:
    """Check the uses of boxes alone, or everything."""
    from cxr_xai.experiments.verification.evidence import read_evidence
    from cxr_xai.experiments.verification.uses import check_uses
    from cxr_xai.experiments.verify import verify

    evidence = read_evidence(folder, None, "/nowhere")
    return {check.name: check for check in (verify(evidence) if whole else check_uses(evidence))}


def test_no_patient_of_the_fold_is_in_a_table(selected: RunFolder) -> None:
    parts = read_parts(selected)
    aside = set(parts.loc[parts["part"] == "selection", "patient_id"])
    assert aside
    for table in (pd.read_parquet(selected.predictions), pd.read_parquet(selected.localization)):
        assert len(table)
        assert not aside & set(table["patient_id"].astype(str))
    images = set(parts.loc[parts["patient_id"].isin(aside), "image_id"])
    for maps in selected.path.glob("explanations/*/*.npz"):
        with np.load(maps) as stored:
            assert not images & set(stored["image_id"])
    summary = selected.read_summary()
    assert set(summary["classification"]) == {"val", "test"}
    assert set(summary["localization"]["exact_cam"]) == {"monitored", "sealed"}


def test_the_weights_of_the_best_score_are_the_ones_used(selected: RunFolder) -> None:
    table, metrics = read_pareto(selected.pareto), selected.read_metrics()
    scores = metrics[metrics["key"] == "selection/score"]
    assert scores["epoch"].tolist() == table["epoch"].tolist() == [0, 1, 2]
    [chosen] = table.loc[table["chosen"], "epoch"]
    assert chosen == int(scores.iloc[int(scores["value"].argmax())]["epoch"]) == selected.read_summary()["best_epoch"]
    assert torch.load(selected.best, weights_only=True)["epoch"] == chosen
    assert table.loc[table["chosen"], "on_front"].all()


def test_the_certificate_the_ledger_and_the_page_say_so(selected: RunFolder) -> None:
    summary = selected.read_summary()
    assert "selected by (" in summary["protocol"]["uses_of_boxes"]
    assert summary["protocol"]["split_about"]["selection"] == 0.5
    assert (read_ledger(selected.ledger)["what"] == "selection boxes").sum() == 3
    page = selected.report.read_text()
    assert "AUROC and localization, epoch by epoch</figcaption><svg" in page
    assert f"Epoch {summary['best_epoch']} was chosen by the largest 0.5 × macro AUROC on val" in page
    assert "no weights, epoch, layer or threshold were chosen with boxes" not in page


def test_it_verifies(selected: RunFolder) -> None:
    checks = verify_folder(selected, whole=True)
    assert {name: check.words for name, check in checks.items() if check.outcome == "does not hold"} == {}
    assert checks["uses of boxes"].outcome == checks["choice of the epoch"].outcome == "holds"


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("auroc", lambda values: values + 0.01),
        ("localization", lambda values: values + 0.01),
        ("score", lambda values: values + 0.01),
        ("on_front", np.logical_not),
        ("chosen", lambda values: np.roll(values, 1)),
    ],
)
def test_another_front_does_not_verify(selected: RunFolder, column: str, change: Callable[[Any], Any]) -> None:
    honest = selected.pareto.read_bytes()
    table = read_pareto(selected.pareto)
    table.assign(**{column: change(table[column])}).to_csv(selected.pareto, index=False)
    try:
        assert verify_folder(selected)["choice of the epoch"].outcome == "does not hold"
    finally:
        selected.pareto.write_bytes(honest)


def test_a_selection_patient_in_a_number_does_not_verify(selected: RunFolder) -> None:
    honest = selected.split.read_text()
    patient = str(pd.read_parquet(selected.localization)["patient_id"].iloc[-1])
    lines = [line.rpartition(",")[0] + ",selection" if f",{patient}," in line else line for line in honest.splitlines()]
    selected.split.write_text("\n".join(lines) + "\n")
    try:
        check = verify_folder(selected)["uses of boxes"]
        assert (check.outcome, f"patient {patient}: stored in a number" in check.words) == ("does not hold", True)
    finally:
        selected.split.write_text(honest)


@pytest.mark.slow
def test_two_processes_choose_together(small_overrides: list[str], launch: Callable[..., str], tmp_path: Path) -> None:
    overrides = [*small_overrides, *SELECTING, "trainer=ddp", "trainer.accelerator=cpu", f"paths.outputs={tmp_path}"]
    launch([str(PROJECT / "scripts" / "train.py"), *overrides, "trainer.enable_progress_bar=false"], PROJECT)
    [cell] = (tmp_path / "demo").iterdir()
    folder = RunFolder(cell)
    table = read_pareto(folder.pareto)
    assert table["epoch"].tolist() == [0, 1], "one row an epoch, written by one process"
    assert table.loc[table["chosen"], "epoch"].tolist() == [folder.read_summary()["best_epoch"]]
    assert verify_folder(folder)["choice of the epoch"].outcome == "holds"
