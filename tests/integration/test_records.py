"""W&B records of a whole sweep, one cell of which is killed and goes on: complete, once, and sent without a loss."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("wandb")

from cxr_xai.experiments.sweep.record import read_sweep
from cxr_xai.loggers.csv import read_epochs
from cxr_xai.loggers.wandb_records import list_logs, read_id, read_records, read_rows
from tests.integration.test_sweep import SWEEP, kill_in_the_middle, start
from tests.loggers.server import serving, sync


def read_first_config(folder: Path) -> dict[str, Any]:
    """Return the columns that a run is filtered by."""
    records = [record for record in read_records(list_logs(folder)[0]) if record.HasField("config")]
    return {item.key: json.loads(item.value_json) for item in records[0].config.update}


@pytest.mark.slow
def test_every_cell_of_a_sweep_is_complete(small_overrides: list[str], tmp_path: Path) -> None:
    home = tmp_path / "outputs" / "sweep"
    often = ["logger=wandb", "callbacks.checkpoint.every_n_steps=1", "trainer.max_epochs=3"]
    command = [*SWEEP, *small_overrides, *often, f"paths.outputs={tmp_path / 'outputs'}"]
    kill_in_the_middle(start(*command), home, done=1)
    last = start(*command)
    said, _ = last.communicate(timeout=600)
    assert last.returncode == 0, said

    cells = read_sweep(home)["cells"]
    folders = [home / cell["folder"] for cell in cells]
    assert len({read_id(folder) for folder in folders}) == len(folders) == 4, "no two cells have one id"
    assert sum(len(list_logs(folder)) for folder in folders) == 5, "one was continued"
    for cell, folder in zip(cells, folders, strict=True):
        rows, epochs = read_rows(folder), read_epochs(folder / "metrics.csv")
        assert [row.get("epoch") for row in rows] == [0, 1, 2, None]
        assert [row["_step"] for row in rows] == [0, 1, 2, 3]
        for epoch, row in zip(epochs.values(), rows, strict=False):
            known = {key: value for key, value in epoch.items() if value == value}
            assert {key: row[key] for key in known} == pytest.approx(known)
        runs = [r.run for log in list_logs(folder) for r in read_records(log) if r.HasField("run")]
        assert {(run.run_id, run.run_group, run.job_type) for run in runs} == {(read_id(folder), "sweep", cell["arm"])}
        wanted = {"sweep": "sweep", "arm": cell["arm"], "fold": cell["fold"], "cell": cell["folder"], "split": "kfold"}
        assert wanted.items() <= read_first_config(folder).items()
        studies = {key for key in rows[0] if key.startswith("maps/")}
        panels = pd.concat(pd.read_csv(path) for path in folder.glob("explanations/*/panels.csv"))
        assert len(studies) == len(panels[(panels["kind"] == "epoch") & (panels["epoch"] == 0)])

    with serving() as server:
        sync(server, [log.parent for folder in folders for log in list_logs(folder)], tmp_path / "home")
    assert server.runs.keys() == {read_id(folder) for folder in folders}
    for run in server.runs.values():
        assert run.overwritten == []
        assert [run.rows[place].get("epoch") for place in range(len(run.rows))] == [0, 1, 2, None]
        assert (run.summary["state"], run.exits[-1]) == ("finished", 0)
        assert 0 <= run.summary["test/auroc/macro/low"] <= run.summary["test/auroc/macro"] <= 1
        assert run.summary["val/loss"] == pytest.approx(min(row["val/loss"] for row in list(run.rows.values())[:3]))
        named = {f"media/{kind}" for kind in ("images", "table", "metadata")}
        assert named == {"/".join(Path(file).parts[:2]) for file in run.files if file.startswith("media/")}
    for secret in (str(tmp_path), "train_val_patients=", "00000001_000"):
        assert secret.encode() not in b"".join(server.said), secret
