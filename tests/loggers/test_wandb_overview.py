"""A run over runs, read back from its local record: everything is there once, however often it is written."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

wandb = pytest.importorskip("wandb")

from cxr_xai.loggers.overview import Bars, Curves, Overview  # noqa: E402
from cxr_xai.loggers.wandb_logged import read_logged  # noqa: E402
from cxr_xai.loggers.wandb_overview import WandbOverview  # noqa: E402
from cxr_xai.loggers.wandb_records import list_logs, read_id, read_records  # noqa: E402
from cxr_xai.loggers.wandb_settings import DATA_DIR, lend_folder  # noqa: E402


def make_overview(primary: float) -> Overview:
    picture = np.full((20, 30, 3), 255, np.uint8)
    return Overview(
        "aggregate",
        {"sweep": "nih", "arm": "aggregate"},
        {"primary/difference": primary, "primary/difference/low": float("nan")},
        {"aggregate/arms": pd.DataFrame({"arm": ["a", "b"], "auroc": [0.5, 0.75]})},
        {"aggregate/figures/arms": [(picture, "Arms")]},
        {"aggregate/charts/arms": Bars("aggregate/arms", "arm", "auroc", "Arms")},
        {"aggregate/charts/found": Curves([0.1, 0.3], {"a": [0.5, 0.25]}, "Found", "IoU greater than")},
    )


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an overview that was written, and written again with another number."""
    folder = tmp_path_factory.mktemp("overview")
    for primary in (0.25, 0.5):
        WandbOverview(folder, "aggregate x", "nih", "aggregate").write(make_overview(primary))
    return folder


def test_written_again_it_is_one_record_with_one_row(twice: Path) -> None:
    [log] = list_logs(twice)
    records = read_records(log)
    [row] = [record.history for record in records if record.HasField("history")]
    values = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in row.item}
    assert values["primary/difference"] == 0.5
    assert values["_step"] == 0
    assert values["aggregate/undefined"] == 1
    assert "primary/difference/low" not in values, "undefined numbers would sort as text"
    [run] = [record.run for record in records if record.HasField("run")]
    assert (run.run_id, run.run_group, run.job_type) == (read_id(twice), "nih", "aggregate")
    assert not run.resume, "the row takes the place of the one before it on a server, too"
    assert run.host == "withheld"
    assert not [record for record in records if record.HasField("environment")]


def test_what_was_logged_is_known_by_its_kind(twice: Path) -> None:
    logged = read_logged([twice])
    assert logged.numbers == {"primary/difference", "aggregate/undefined"}
    assert logged.pictures == {"aggregate/figures/arms"}
    assert "aggregate/arms" in logged.tables
    assert logged.charts.keys() == {"aggregate/charts/arms", "aggregate/charts/found"}
    assert logged.charts["aggregate/charts/arms"]["fieldSettings"] == {"label": "arm", "value": "auroc"}


def test_pictures_and_tables_are_files(twice: Path) -> None:
    assert DATA_DIR not in os.environ
    media = next((twice / "wandb").glob("offline-run-*")) / "files" / "media"
    assert len(list(media.rglob("*.png"))) == 1
    [table] = media.rglob("aggregate/arms_0*.table.json")
    assert json.loads(table.read_text())["data"] == [["a", 0.5], ["b", 0.75]]


def test_a_folder_is_lent_for_a_while_unless_one_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_DIR, raising=False)
    with lend_folder(tmp_path):
        assert os.environ[DATA_DIR] == str(tmp_path / "wandb")
    assert DATA_DIR not in os.environ
    monkeypatch.setenv(DATA_DIR, "elsewhere")
    with lend_folder(tmp_path):
        assert os.environ[DATA_DIR] == "elsewhere"
    assert os.environ[DATA_DIR] == "elsewhere"
