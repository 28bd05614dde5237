"""W&B records of a whole sweep, one cell of which is cut and goes on: complete, once, and sent without a loss."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("wandb")

from cxr_xai.callbacks.records import Records
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.run import run_training
from cxr_xai.loggers.csv import read_epochs
from cxr_xai.loggers.wandb_records import list_logs, read_id, read_records, read_rows
from cxr_xai.loggers.wandb_sync import send
from cxr_xai.signals import Interrupted
from tests.integration.conftest import Compose
from tests.loggers.server import Server, account, serving

ARMS = {"none": "loss=bce", "focal": "loss=focal"}
CUT = ("focal", 0)


@pytest.fixture(scope="module")
def home(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms on two folds; one cell is asked to stop in its second epoch, its record is torn, and it is run again."""
    outputs = tmp_path_factory.mktemp("outputs")
    words = ("split=kfold", "split.k=2", "logger=wandb", "name=sweep", f"paths.outputs={outputs}")
    with pytest.MonkeyPatch.context() as patch:
        for fold in range(2):
            for arm, member in ARMS.items():
                cell = compose(*words, f"split.fold={fold}", member, f"arm={arm}")
                if (arm, fold) == CUT:
                    patch.setattr(Records, "on_train_epoch_start", stop_in_the_second_epoch)
                    with pytest.raises(Interrupted):
                        run_training(*cell)
                    patch.undo()
                    require_interrupted(outputs / "sweep" / name_cell(*cell))
                run_training(*cell)
    return outputs / "sweep"


def stop_in_the_second_epoch(self: Records, trainer: Any, module: Any) -> None:
    self._record(trainer)
    if trainer.current_epoch == 1:
        os.kill(os.getpid(), signal.SIGTERM)


def require_interrupted(folder: Path) -> None:
    """What was asked to stop says so; then its record loses its end, as by a kill."""
    [log] = list_logs(folder)
    records = read_records(log)
    states = [u.value_json for r in records for u in r.summary.update if "state" in (u.key, *u.nested_key)]
    assert states == ['"running"', '"interrupted"']
    assert [r.exit.exit_code for r in records if r.HasField("exit")] == [143]
    assert any(r.HasField("preempting") for r in records)
    log.write_bytes(log.read_bytes()[:-30])


@pytest.fixture(scope="module")
def folders(home: Path) -> list[Path]:
    return sorted(path.parent for path in home.glob("*/certificate.json"))


@pytest.fixture(scope="module")
def sent(folders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """What a server has after all was sent, twice."""
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in account(server, tmp_path_factory.mktemp("home")).items():
            patch.setenv(name, value)
        assert [send(folders, None, "cxr_xai") for _ in range(2)] == [5, 0]
    return server


@pytest.mark.slow
def test_every_cell_is_complete_and_says_who_it_is(folders: list[Path]) -> None:
    assert len({read_id(folder) for folder in folders}) == len(folders) == 4, "no two cells have one id"
    assert sorted(len(list_logs(folder)) for folder in folders) == [1, 1, 1, 2], "one was continued"
    seen = set()
    for folder in folders:
        rows, epochs = read_rows(folder), read_epochs(folder / "metrics.csv")
        assert [row.get("epoch") for row in rows] == [0, 1, None]
        assert [row["_step"] for row in rows] == [0, 1, 2]
        for epoch, row in zip(epochs.values(), rows, strict=False):
            known = {key: value for key, value in epoch.items() if value == value}
            assert {key: row[key] for key in known} == pytest.approx(known)
        panels = pd.concat(pd.read_csv(path) for path in folder.glob("explanations/*/panels.csv"))
        for number in range(2):
            drawn = panels[(panels["kind"] == "epoch") & (panels["epoch"] == number)]
            assert len(drawn) == len([key for key in rows[number] if key.startswith("maps/")]) > 0
        records = [record for log in list_logs(folder) for record in read_records(log)]
        runs = [record.run for record in records if record.HasField("run")]
        config = {u.key: json.loads(u.value_json) for r in records for u in r.config.update if u.key != "_wandb"}
        assert {(run.run_id, run.run_group, run.job_type) for run in runs} == {
            (read_id(folder), "sweep", config["arm"])
        }
        assert (config["sweep"], config["cell"], config["split"]) == ("sweep", folder.name, "kfold")
        seen.add((config["arm"], config["fold"]))
    assert seen == {(arm, fold) for arm in ARMS for fold in range(2)}


@pytest.mark.slow
def test_all_of_it_is_sent_once(folders: list[Path], sent: Server) -> None:
    assert sent.runs.keys() == {read_id(folder) for folder in folders}
    for folder in folders:
        run = sent.runs[str(read_id(folder))]
        assert run.overwritten == []
        assert [run.rows[place].get("epoch") for place in range(len(run.rows))] == [0, 1, None]
        assert (run.summary["state"], run.exits[-1]) == ("finished", 0)
        test = json.loads((folder / "summary.json").read_text())["classification"]["test"]["macro"]["auroc"]
        assert run.summary["test/auroc/macro"] == pytest.approx(test["value"])
        assert run.summary["test/auroc/macro/low"] == pytest.approx(test["low"])
        assert run.summary["val/loss"] == pytest.approx(min(run.rows[place]["val/loss"] for place in range(2)))
        charts = {"test/roc_table", "test/pr_table", "val/roc_table", "confusion/Effusion_table"}
        assert charts <= run.rows[2].keys() & run.summary.keys()
        kinds = {"/".join(Path(file).parts[:2]) for file in run.files if file.startswith("media/")}
        assert kinds == {"media/images", "media/table", "media/metadata"}


@pytest.mark.slow
def test_nothing_that_identifies_is_sent(home: Path, sent: Server) -> None:
    said = b"".join(sent.said)
    images = pd.read_parquet(next(home.glob("*/localization.parquet")))["image_id"]
    for secret in (str(home.parent), str(Path.cwd()), (home.parent / ".salt").read_text(), *images):
        assert secret.removesuffix(".png").encode() not in said, secret
