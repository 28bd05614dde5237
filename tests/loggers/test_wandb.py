"""The local W&B record, read back and sent: everything that should be there once, nothing that should not."""

import getpass
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

wandb = pytest.importorskip("wandb")

from cxr_xai.loggers.charts import Chart  # noqa: E402
from cxr_xai.loggers.csv import MetricsCsv  # noqa: E402
from cxr_xai.loggers.dashboard import lay_out  # noqa: E402
from cxr_xai.loggers.logged import Logged  # noqa: E402
from cxr_xai.loggers.wandb import Wandb, choose_mode, find_best, keep_finite  # noqa: E402
from cxr_xai.loggers.wandb_logged import read_logged  # noqa: E402
from cxr_xai.loggers.wandb_media import pseudonym  # noqa: E402
from cxr_xai.loggers.wandb_records import list_logs, read_id, read_records, read_rows  # noqa: E402
from cxr_xai.loggers.wandb_sync import send  # noqa: E402
from cxr_xai.types import Panel  # noqa: E402
from tests.loggers.server import Server, account, serving  # noqa: E402

STUDY = "00012345_006.png"
USER, HOST = "evangelina.made-up", "workstation-of-evangelina"
"""Long enough to be no accident in a compressed picture."""
CHARTS = {
    "test/roc": Chart("roc", "ROC, test", [("Mass", 0.0, 0.0), ("Mass", 1.0, 1.0)]),
    "val/roc": Chart("roc", "ROC, val", [("Mass", 0.0, 0.0), ("Mass", 1.0, 1.0)]),
    "confusion/Mass": Chart("confusion", "Mass", [("Mass", "Mass", 3), ("Mass", "no Mass", 1)]),
}


def make_panel(kind: str, epoch: int) -> Panel:
    film = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    heatmap = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    box = np.array([[8, 8, 32, 40]], np.float32)
    return Panel(kind, epoch, STUDY, "Effusion", 1.0, 0.75, film, heatmap, box, box[0] + 4)


class Cell:
    """A run folder in which epochs are trained, as far as loggers notice."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.csv = folder, MetricsCsv(folder / "metrics.csv")

    def start(self, mode: Any = "offline") -> None:
        self.logger = Wandb(
            self.folder, self.csv.path, "focal f1 s0", "sweep", "a salt", mode, job_type="focal", tags=["x"]
        )
        self.logger.log_hyperparams({"arm": "focal", "fold": 1, "settings": {"seed": 0}})
        self.logger.record()

    def train(self, epochs: range) -> None:
        for epoch in epochs:
            scalars = {"val/loss": abs(2 - epoch) / 4, "val/auroc/macro": epoch / 8, "val/auroc/Hernia": float("nan")}
            for part in (scalars, {"train/loss": 1 / (epoch + 1), "probe/iou/micro": 0.25}):
                self.csv.log_metrics({**part, "epoch": epoch})
                self.logger.log_metrics({**part, "epoch": epoch}, 7)
            self.logger.log_panels([make_panel("epoch", epoch)], [np.zeros((278, 514, 3), np.uint8)], 7)
            self.logger.record()

    def finish(self, epochs: int) -> None:
        for kind in ("box", "box", "TP"):
            self.logger.log_panels([make_panel(kind, 1)], [np.zeros((278, 514, 3), np.uint8)], 7)
        numbers = {"test/auroc/macro": 0.75, "test/f1/macro": float("nan"), "protocol/label": "phantom"}
        self.logger.conclude(numbers, CHARTS, epochs)
        self.logger.close()

    def go_back(self, size: int) -> None:
        self.csv.cut(size)


@pytest.fixture(scope="module")
def somebody() -> Iterator[pytest.MonkeyPatch]:
    """A person and a machine whose names can be looked for."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("USER", "LOGNAME", "USERNAME"):
            patch.setenv(name, USER)
        patch.setenv("HOSTNAME", HOST)
        patch.setattr(socket, "gethostname", lambda: HOST)
        patch.setattr(getpass, "getuser", lambda: USER)
        patch.delenv("WANDB_PROGRAM", raising=False)
        yield patch


@pytest.fixture(scope="module")
def cell(somebody: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """Interrupted after epoch 2, whose record a kill tore; went on from the end of epoch 0, an older checkpoint."""
    cell = Cell(tmp_path_factory.mktemp("outputs") / "cell")
    cell.start()
    cell.train(range(1))
    size = cell.csv.path.stat().st_size
    cell.train(range(1, 3))
    cell.logger.close("interrupted", 143)
    [log] = list_logs(cell.folder)
    data, third = log.read_bytes(), [r for r in read_records(log) if r.HasField("history")][-1]
    at = data.index(third.SerializeToString()[:40])
    log.write_bytes(data[: at + 20])
    cell.go_back(size)
    cell.start()
    cell.train(range(1, 4))
    cell.finish(4)
    return cell


@pytest.fixture(scope="module")
def sent(cell: Cell, somebody: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """What a server has after its records were sent."""
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in account(server, tmp_path_factory.mktemp("home")).items():
            patch.setenv(name, value)
        assert send([cell.folder], None, "cxr_xai") == 2
    return server


def read_summary(cell: Cell) -> dict[str, Any]:
    updates = [u for log in list_logs(cell.folder) for r in read_records(log) for u in r.summary.update]
    return {"/".join(update.nested_key) or update.key: json.loads(update.value_json) for update in updates}


def test_every_epoch_is_there_once_over_all_records(cell: Cell) -> None:
    assert len(list_logs(cell.folder)) == 2
    rows = read_rows(cell.folder)
    assert [row.get("epoch") for row in rows] == [0, 1, 2, 3, None]
    assert [row["_step"] for row in rows] == [0, 1, 2, 3, 4], "a slider over steps is one over epochs"
    assert [row["val/loss"] for row in rows[:4]] == [0.5, 0.25, 0.0, 0.25]
    assert [row["train/loss"] for row in rows[:4]] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert not [key for row in rows for key in row if "Hernia" in key], "undefined numbers have no key"
    assert rows[4]["epochs"] == 4


def test_one_id_group_job_type_and_name(cell: Cell) -> None:
    runs = [r.run for log in list_logs(cell.folder) for r in read_records(log) if r.HasField("run")]
    assert {run.run_id for run in runs} == {read_id(cell.folder)}
    about = [(run.display_name, run.run_group, run.job_type, list(run.tags), run.host, run.resume) for run in runs]
    assert about == [("focal f1 s0", "sweep", "focal", ["x"], "withheld", True)] * 2
    exits = [r.exit.exit_code for log in list_logs(cell.folder) for r in read_records(log) if r.HasField("exit")]
    assert exits == [0], "the first was torn away"


def test_the_summary_is_best_of_val_and_last_of_all_else(cell: Cell) -> None:
    summary = read_summary(cell)
    wanted = {"val/loss": 0.0, "val/auroc/macro": 3 / 8, "train/loss": 1 / 4, "probe/iou/micro": 0.25}
    wanted |= {"test/auroc/macro": 0.75, "protocol/label": "phantom", "state": "finished"}
    assert wanted.items() <= summary.items()
    assert "test/f1/macro" not in summary


def test_one_study_has_one_key_and_a_picture_every_epoch(cell: Cell) -> None:
    rows, key = read_rows(cell.folder), f"Effusion-{pseudonym('a salt', STUDY)}"
    for place in ("maps", "overlays"):
        shown = [row[f"{place}/{key}"] for row in rows[:4]]
        assert [picture["_type"] for picture in shown] == ["image-file"] * 4
    assert rows[4]["sealed/maps"]["count"] == 2
    assert rows[4]["gallery/TP/overlays"]["count"] == 1
    for key in CHARTS:
        assert rows[4][f"{key}_table"]["nrows"] == len(CHARTS[key].rows)
        assert read_summary(cell)[f"{key}_table/_type"] == "table-file", "charts are drawn from the summary"


def test_a_dashboard_finds_the_pictures_and_charts_of_a_real_record(cell: Cell) -> None:
    nothing = Logged()
    dashboard = lay_out("x", {"cells": read_logged([cell.folder]), "leaderboard": nothing, "aggregate": nothing})
    shown = {part.name: {key for view in part.views for key in view.keys} for part in dashboard.parts}
    name = f"Effusion-{pseudonym('a salt', STUDY)}"
    assert shown["Maps by epoch"] == {f"overlays/{name}", f"maps/{name}"}
    assert shown["After training"] == {*CHARTS, "sealed/overlays", "gallery/TP/overlays"}
    assert shown["Curves"] == {"val/loss", "train/loss", "val/auroc/macro"}


def test_media_files_that_rows_name_are_there(cell: Cell) -> None:
    def paths(value: Any) -> list[str]:
        if isinstance(value, dict):
            found = [value["path"]] if "path" in value else []
            return found + [p for each in value.values() for p in paths(each)] + list(value.get("filenames", []))
        return [path for each in value for path in paths(each)] if isinstance(value, list) else []

    named = [path for row in read_rows(cell.folder) for path in paths(row)]
    assert len(named) >= 4 * 5
    roots = [log.parent / "files" for log in list_logs(cell.folder)]
    assert all(any((root / path).is_file() for root in roots) for path in named)


def test_boxes_of_radiologist_and_map_are_native(cell: Cell) -> None:
    media = list_logs(cell.folder)[0].parent / "files" / "media"
    lists = [json.loads(path.read_text())["box_data"] for path in media.rglob("*.boxes2D.json")]
    found = {entry["box_caption"]: entry["position"] for boxes in lists for entry in boxes}
    assert found["Effusion"] == {"minX": 8.0, "maxX": 32.0, "minY": 8.0, "maxY": 40.0}
    assert found["Effusion map"]["minX"] == 12.0
    assert list(media.rglob("*.mask.png"))


def test_sync_sends_every_row_to_a_place_of_its_own(cell: Cell, sent: Server) -> None:
    [(name, run)] = sent.runs.items()
    assert name == read_id(cell.folder)
    assert run.overwritten == []
    assert [run.rows[place].get("epoch") for place in sorted(run.rows)] == [0, 1, 2, 3, None]
    assert sorted(run.rows) == [0, 1, 2, 3, 4]
    assert run.exits[-1] == 0
    wanted = {
        "state": "finished",
        "val/loss": 0,
        "val/auroc/macro": 3 / 8,
        "train/loss": 1 / 4,
        "test/auroc/macro": 0.75,
    }
    assert wanted.items() <= run.summary.items()
    assert run.config["fold"]["value"] == 1
    assert (run.about["groupName"], run.about["jobType"]) == ("sweep", "focal")
    marks = [log.with_suffix(".wandb.synced").is_file() for log in list_logs(cell.folder)]
    assert marks == [True, True]
    media = {path for path in run.files if path.startswith("media/images/maps")}
    assert len(media) == len({path for path in media if Path(path).suffix == ".png"}) == 4


def test_nothing_that_identifies_leaves(cell: Cell, sent: Server) -> None:
    content = b"\n".join(sent.said)
    assert (socket.gethostname(), getpass.getuser()) == (HOST, USER)
    for secret in ("00012345", str(cell.folder), str(Path.cwd()), "a salt", HOST, USER):
        assert secret.encode() not in content, secret
    for log in list_logs(cell.folder):
        assert b"00012345" not in log.read_bytes()
        assert not [r for r in read_records(log) if r.HasField("environment")], "no program, user, git or machine"
    assert pseudonym("a salt", STUDY).encode() in content


def test_pseudonyms_are_stable_and_salted() -> None:
    assert len(pseudonym("s", "x")) == 12
    assert pseudonym("s", "x") == pseudonym("s", "x") != pseudonym("t", "x")


def test_undefined_numbers_are_left_out_and_texts_kept() -> None:
    assert keep_finite({"a": np.nan, "b": np.float32(1), "c": "", "d": None, "e": np.inf}) == {"b": 1.0, "c": ""}
    assert find_best({0: {"val/loss": np.nan}, 1: {"val/loss": 2.0, "train/loss": 0.0}}) == {"val/loss": 2.0}


def test_auto_stays_offline_without_a_key_or_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    assert choose_mode("auto") == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert choose_mode("auto", timeout=0.2) == "offline"
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert choose_mode("auto") == "online"


def test_what_waits_to_be_sent_keeps_a_run_offline(tmp_path: Path) -> None:
    log = tmp_path / "wandb" / "offline-run-1-abc" / "run-abc.wandb"
    log.parent.mkdir(parents=True)
    log.touch()
    assert Wandb(tmp_path, tmp_path / "metrics.csv", "n", "g", "s", "online").mode == "offline"
    log.with_suffix(".wandb.synced").touch()  # as `wandb sync` does
    assert Wandb(tmp_path, tmp_path / "metrics.csv", "n", "g", "s", "online").mode == "online"
