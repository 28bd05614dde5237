"""Time and disk, by hand where they can be."""

from pathlib import Path
from typing import Any

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.splits.box_halves import half_rows
from cxr_xai.experiments.build import build
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.sweep import dry_run
from cxr_xai.experiments.sweep.cells import Ablation, Cell
from cxr_xai.experiments.sweep.dry_run import print_dry_run
from cxr_xai.experiments.sweep.estimate import (
    CHOSEN,
    GALLERY,
    PICTURE,
    ROW,
    Cost,
    Speed,
    estimate_cost,
    finished_cost,
    measure_speed,
    speed_key,
)
from cxr_xai.experiments.sweep.plan import Plan, Planned, Request
from cxr_xai.experiments.sweep.show import duration
from cxr_xai.experiments.sweep.steps import Studies

SMALL = [
    "datamodule.reader.train_val_patients=30",
    "datamodule.reader.test_patients=24",
    "datamodule.reader.film_size=64",
    "datamodule.image_size=64",
    "trainer=cpu",
    "trainer.max_epochs=2",
]


def planned(*overrides: str) -> Planned:
    return Planned(Cell(None), *compose("train", [*SMALL, *overrides]))


def test_speed_of_the_real_network_and_size_of_its_checkpoint() -> None:
    cell = planned()
    speed = measure_speed(cell.settings)
    assert speed.step > 0
    assert speed.evaluation > 0
    assert speed.explanation > 0
    assert speed.map == 14 * 4 * 4 * 4, "14 maps of 4 × 4 float32"
    weights = sum(t.numel() * t.element_size() for t in build(cell.settings["model"], "model").state_dict().values())
    parameters = sum(p.numel() * 4 for p in build(cell.settings["model"], "model").parameters())
    assert speed.checkpoint == pytest.approx(weights + 2 * parameters, rel=1e-2), "Adam keeps two moments"


def test_cost_by_hand(tmp_path: Path) -> None:
    cell = planned(f"paths.data={tmp_path}")
    studies = Studies()
    cost = estimate_cost(cell, Speed(step=2.0, evaluation=0.5, explanation=3.0, checkpoint=1e6, map=1e3), studies)
    index, split = studies.look(cell.settings)
    train, val, test = (studies.count(cell.settings, part) for part in ("train", "val", "test"))
    boxed = index.studies["image_id"].isin(index.boxes["image_id"])
    half = {h: len(rows) for h, rows in boxed_halves(index, split, boxed).items()}
    epoch = train // 16 * 2.0 + val * 0.5 + half["monitored"] * 3.0
    assert cost.seconds == pytest.approx(2 * epoch + (val + test) * 0.5 + (half["sealed"] + CHOSEN) * 3.0)
    pictures = 2 * min(half["monitored"], 8) + GALLERY
    maps = (2 * half["monitored"] + half["sealed"]) * 1e3
    assert cost.disk == pytest.approx(2e6 + maps + pictures * PICTURE + (val + test) * 14 * ROW)


def test_a_selection_fold_is_explained_every_epoch(tmp_path: Path) -> None:
    cell = planned(f"paths.data={tmp_path}", "split=patient", "split.selection=0.5", "callbacks.explain=null")
    free = Speed(step=0.0, evaluation=0.0, explanation=1.0, checkpoint=0.0, map=0.0)
    studies = Studies()
    index, split = studies.look(cell.settings)
    boxed = index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy()
    sealed, selection = (len(half_rows(half, index.studies, boxed, split)) for half in ("sealed", "selection"))
    assert selection > 0
    assert estimate_cost(cell, free, studies).seconds == 2 * selection + sealed + CHOSEN


def boxed_halves(index: Any, split: Any, boxed: Any) -> dict[str, Any]:
    return {half: half_rows(half, index.studies, boxed.to_numpy(), split) for half in ("monitored", "sealed")}


def test_finished_cells_know_better(tmp_path: Path) -> None:
    cell = planned(f"paths.outputs={tmp_path}", "trainer.max_epochs=6")
    assert finished_cost(cell) is None
    folder: RunFolder = cell.folder
    folder.write_summary({"seconds": {"fit": 10.0}, "epochs": 2})
    cost = finished_cost(cell)
    assert cost is not None
    assert (cost.seconds, cost.disk) == (30.0, folder.summary.stat().st_size), "6 epochs at 5 s"


def test_seeds_and_folds_are_measured_once() -> None:
    keys = {speed_key(planned(f"seed={seed}", "split=kfold", f"split.fold={seed}").settings) for seed in (0, 1)}
    assert len(keys) == 1
    assert speed_key(planned("loss=focal").settings) not in keys


def test_a_dry_run_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "measure_start", lambda: 10.0)
    here = [f"paths.data={tmp_path / 'data'}", f"paths.outputs={tmp_path / 'outputs'}"]
    cell = planned(*here)
    Studies().look(cell.settings)  # makes the phantom
    before = sorted(tmp_path.rglob("*"))
    print_dry_run(Plan(Request("", jobs=2), None, [cell]), Studies(dry=True))
    said = capsys.readouterr().out
    assert "for the 1 cells to run, 2 at a time" in said
    assert "leaderboard" not in said
    assert "keeping best and last of the checkpoints" in said
    assert "nothing was started or written" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_says_what_the_leaderboard_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "measure_start", lambda: 10.0)
    monkeypatch.setattr(dry_run, "estimate_all", lambda cells, studies: ([Cost(60.0, 1e6)], 1))
    cell = planned(f"paths.data={tmp_path / 'data'}", f"paths.outputs={tmp_path / 'outputs'}")
    monkeypatch.setattr(dry_run, "measure_explainers", lambda settings, explainers: {"exact_cam": 0.5, "lime": 2.5})
    arms = {"exact_cam": ["explainer=exact_cam"], "lime": ["explainer=lime"]}
    ablation = Ablation("explainer", "exact_cam", "lime", arms, max_studies=2)
    studies = Studies()  # makes the phantom
    index, split = studies.look(cell.settings)
    positives = (index.targets[split.rows("test")] == 1).sum(axis=0)
    maps = sum(min(int(number), 2) for number in positives)
    print_dry_run(Plan(Request(""), ablation, [cell]), studies, {arm: {} for arm in arms})
    said = " ".join(capsys.readouterr().out.split())
    assert f"{duration(3.0 * maps)} at most for 2 explainers × {maps} maps × 1 cells" in said
    assert "lime 2.5 s, exact_cam 0.5 s" in said
    assert "not in it: maps of shortcuts" in said
