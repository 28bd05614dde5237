"""Running a command again: complete, continued, refused, afresh."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.run import run_training
from cxr_xai.files import read_json, write_json

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]


@pytest.fixture(scope="module")
def run(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], RunFolder]:
    """One epoch of a run that the tests continue, in order."""
    overrides = [f"paths.outputs={tmp_path_factory.mktemp('again')}", "trainer.max_epochs=1"]
    settings, choices = compose(*overrides)
    run_training(settings, choices)
    [cell] = (Path(settings["paths"]["outputs"]) / "demo").iterdir()
    return overrides[:1], RunFolder(cell)


def test_complete_prints_and_changes_nothing(
    run: tuple[list[str], RunFolder], compose: Compose, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides, folder = run
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    run_training(*compose(*overrides, "trainer.max_epochs=1"))
    assert before == {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    printed = capsys.readouterr().out
    assert "is complete" in printed
    assert "Cardiomegaly" in printed
    assert "report.html" in printed


def test_more_epochs_continue_the_same_run_as_if_never_cut(
    run: tuple[list[str], RunFolder],
    compose: Compose,
    require_same: Callable[[RunFolder, RunFolder], None],
    tmp_path: Path,
) -> None:
    overrides, folder = run
    run_training(*compose(*overrides, "trainer.max_epochs=2"))
    settings, choices = compose(f"paths.outputs={tmp_path}", "trainer.max_epochs=2")
    run_training(settings, choices)
    [cell] = (tmp_path / "demo").iterdir()
    assert cell.name == folder.path.name, "max_epochs is not in the hash"
    require_same(RunFolder(cell), folder)
    once = folder.read_metrics()
    assert not once.duplicated(["epoch", "key"]).any(), "what the first finishing found is gone"
    table = pd.read_parquet(folder.localization)
    assert not table.duplicated(["epoch", "half", "image_id", "finding"]).any()


def test_finishing_that_was_killed_is_done_again_and_leaves_the_same(
    finished: RunFolder, compose: Compose, require_same: Callable[[RunFolder, RunFolder], None], tmp_path: Path
) -> None:
    copy = RunFolder(tmp_path / "demo" / finished.path.name)
    shutil.copytree(finished.path, copy.path)
    for path in (copy.summary, copy.report):
        path.unlink()
    with copy.metrics.open("a") as file:
        file.write("0,test/auroc/macro,0.5\n0,tes")  # logged twice, and torn
    (copy.path / ".predictions.parquet.0a1b2c3d").write_bytes(b"PAR1")
    run_training(*compose(f"paths.outputs={tmp_path}"))
    require_same(finished, copy)
    assert copy.metrics.read_text() == finished.metrics.read_text()
    pd.testing.assert_frame_equal(*(pd.read_parquet(f.predictions) for f in (finished, copy)), check_exact=True)
    names = [{p.relative_to(f.path) for p in f.path.rglob("*")} for f in (finished, copy)]
    assert names[0] == names[1]
    one, two = (f.read_summary() for f in (finished, copy))
    assert one["seconds"]["fit"] == pytest.approx(two["seconds"]["fit"], abs=2), "of training, not of finishing"
    assert one["files"].keys() == two["files"].keys(), "config.yaml names another place, so hashes differ"
    assert {**one, "seconds": None, "files": None} == {**two, "seconds": None, "files": None}


def test_a_report_that_was_not_written_is_made_up_for(
    finished: RunFolder, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = RunFolder(tmp_path / "demo" / finished.path.name)
    shutil.copytree(finished.path, copy.path)
    copy.report.unlink()
    monkeypatch.setattr("cxr_xai.experiments.run.fit", None)  # it is complete
    run_training(*compose(f"paths.outputs={tmp_path}", "keep=[best]"))
    assert "</html>" in copy.report.read_text()
    assert [path.name for path in copy.checkpoints.glob("*.ckpt")] == ["best.ckpt"]


def test_other_code_is_refused_and_fresh_moves_aside(run: tuple[list[str], RunFolder], compose: Compose) -> None:
    overrides, folder = run
    certificate = read_json(folder.certificate)
    certificate["code"]["sha256"] = "0" * 64
    write_json(folder.certificate, certificate)
    with pytest.raises(UserError, match=r"other code .*fresh=true"):
        run_training(*compose(*overrides, "trainer.max_epochs=2"))
    run_training(*compose(*overrides, "trainer.max_epochs=1", "fresh=true"))
    assert (folder.path.parent / f"{folder.path.name}~1" / "summary.json").is_file()
    assert read_json(folder.certificate)["code"]["sha256"] != "0" * 64
