"""From the folder of a sweep to ``dashboard.json``, without a server."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("wandb_workspaces")

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.dashboard.run import run_dashboard
from cxr_xai.files import read_json
from cxr_xai.lease import Lease
from cxr_xai.loggers.overview import Overview
from cxr_xai.loggers.wandb_logged import read_logged
from cxr_xai.loggers.wandb_overview import WandbOverview
from cxr_xai.loggers.wandb_sync import list_waiting
from cxr_xai.report.dashboard_pictures import read_picture


def build(home: Path, *overrides: str) -> None:
    settings, _ = compose("dashboard", [f"runs={home}", "mode=offline", *overrides])
    run_dashboard(settings)


FIGURE = np.full((40, 60, 3), (20, 90, 160), np.uint8)
PANEL = np.zeros((278, 514, 3), np.uint8)
PANEL[:256, 258:] = 200  # the film under its map


def write_record(folder: Path, kind: str, **keys: float) -> None:
    numbers = {key.replace("__", "/"): value for key, value in keys.items()}
    tables, pictures = dict[str, pd.DataFrame](), {"overlays/Mass-0f": [(PANEL, "epoch 0"), (PANEL, "epoch 1")]}
    if kind == "aggregate":
        tables = {"aggregate/tables/contrasts": pd.DataFrame({"p": ["<.001"]})}
        pictures = {"aggregate/figures/arms": [(FIGURE, "Arms")]}
    made = Overview("aggregate", {}, numbers, tables, pictures)
    WandbOverview(folder, kind, "nih", kind).write(made)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two runs, one of them with a record, and an aggregate."""
    home = tmp_path_factory.mktemp("nih")
    for cell in ("one", "two"):
        (home / cell).mkdir()
        (home / cell / "config.yaml").write_text("# model=resnet10\nname: nih\n")
    write_record(home / "one", "focal", epoch=0, val__loss=0.5, test__auroc__macro=0.75)
    write_record(home / "aggregate", "aggregate", primary__difference=0.25)
    (home / "aggregate" / "aggregate.json").write_text("{}")
    return home


def test_every_key_of_the_file_was_logged(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(home)
    said = capsys.readouterr().out
    assert "without a W&B record: two" in said
    assert "2 offline records wait; sync=true sends them" in said
    assert "nothing was saved there" in said
    made: dict[str, Any] = read_json(home / "dashboard.json")
    shown = {key for part in made["parts"] for view in part["views"] for key in view["keys"]}
    logged = read_logged([home / "one", home / "aggregate"]).keys
    wanted = {
        "val/loss",
        "test/auroc/macro",
        "overlays/Mass-0f",
        "aggregate/tables/contrasts",
        "aggregate/figures/arms",
    }
    assert wanted == shown <= logged
    assert made["sweep"] == "nih"
    assert made["saved"].keys() == {"workspace", "report"}
    build(home)
    assert read_json(home / "dashboard.json") == made


def test_pictures_are_of_the_records(home: Path, tmp_path: Path) -> None:
    build(home, f"pictures={tmp_path}")
    made = {path.stem: read_picture(path) for path in tmp_path.glob("*.png")}
    assert made.keys() == {"curves", "headline", "slider", "aggregate-arms"}
    np.testing.assert_array_equal(made["aggregate-arms"], FIGURE)
    assert made["slider"].shape[1] == 2 * 120 + 4, "one tile an epoch"
    assert (made["slider"][60, [60, 184]] == 200).all()
    assert (made["curves"] == [37, 99, 168]).all(-1).any(), "a dot of the first arm's color"


def test_what_is_sent_is_what_waits(home: Path) -> None:
    waiting = list_waiting([home / "one", home / "two", home / "aggregate"])
    assert [path.parents[1].name for path in waiting] == ["one", "aggregate"]
    marked = next(waiting[0].glob("*.wandb"))
    marked.with_suffix(".wandb.synced").touch()
    assert list_waiting([home / "one"]) == []
    marked.with_suffix(".wandb.synced").unlink()


def test_cells_that_run_are_named_and_their_records_left_out(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lease = Lease(RunFolder(home / "one").lease)
    assert lease.take(timeout=0)
    try:
        with pytest.raises(UserError, match="1 records wait"):
            build(home, "sync=true")
    finally:
        lease.release()
    assert "still running, their records are left out: one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sync=true"], r"sync=true: W&B does not answer, or mode=offline; 2 records wait"),
        (["mode=never"], "mode=never; it is one of auto, offline, online"),
        (["runs=nowhere"], "runs=nowhere holds no run folder"),
    ],
)
def test_refusals(home: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(home, *overrides)


def test_runs_without_any_record_are_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "config.yaml").write_text("name: nih\n")
    with pytest.raises(UserError, match="has a W&B record; train with logger=wandb"):
        build(tmp_path)
