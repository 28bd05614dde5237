"""A drain audit of a small run on a phantom, which knows its drains, and with a file in the layout of NEATX."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.drains.run import run_drains
from cxr_xai.files import read_json


def ask(folder: RunFolder, small_overrides: list[str], *words: str) -> dict[str, Any]:
    paths = [word for word in small_overrides if word.startswith("paths.")]
    settings, _ = compose("drains", [*paths, f"folder={folder.path}", "bootstrap=50", *words])
    return settings


@pytest.fixture
def kept(finished: RunFolder) -> Any:
    """The run folder, left as it was."""
    before = {path: path.read_bytes() for path in (finished.ledger, finished.report)}
    yield finished
    for path, content in before.items():
        path.write_bytes(content)
    shutil.rmtree(finished.path / "drains", ignore_errors=True)


def test_on_a_phantom(kept: RunFolder, small_overrides: list[str], small_data: Path) -> None:
    run_drains(ask(kept, small_overrides))
    audit = read_json(kept.path / "drains" / "summary.json")
    table = pd.read_parquet(kept.predictions)
    table = table[(table["part"] == "test") & (table["finding"] == "Pneumothorax")]
    planted = pd.read_csv(small_data / "phantom" / "shortcuts.csv").set_index("image_id")["drain"]
    having, positive = table["image_id"].map(planted) == 1, table["target"] == 1
    for word, rows in (("with", ~positive | having), ("without", ~positive | ~having)):
        if positive[rows].any():
            value = roc_auc_score(table["target"][rows], table["logit"][rows])
            assert audit["auroc"][word]["value"] == pytest.approx(value)
    films = pd.read_csv(kept.path / "drains" / "films.csv").set_index("image_id")
    assert set(films.index) == set(table["image_id"][having | positive])
    drained = films[films["drain"] == "yes"]
    assert drained["drain_area"].between(0.001, 0.2).all()
    assert films[films["drain"] == "no"]["in_drain"].isna().all()
    assert np.isclose(
        audit["planted"]["drain"]["negative"]["area"]["value"],
        drained.loc[drained["target"] == 0, "drain_area"].mean(),
        atol=0.01,
    )
    page = kept.report.read_text()
    assert 'id="drains"' in page
    assert read_ledger(kept.ledger)["purpose"].tail(4).str.startswith("drain audit").any()


def test_a_file_says_who_has_one(kept: RunFolder, small_overrides: list[str], tmp_path: Path) -> None:
    table = pd.read_parquet(kept.predictions)
    table = table[(table["part"] == "test") & (table["finding"] == "Pneumothorax")]
    positives = table.loc[table["target"] == 1, "image_id"].tolist()
    path = tmp_path / "neatx.csv"
    path.write_text("Image Index,Drain\n" + "".join(f"{name},{n % 2}\n" for n, name in enumerate(positives)))
    run_drains(ask(kept, small_overrides, f"drains={path}", "max_studies=8"))
    audit = read_json(kept.path / "drains" / "summary.json")
    assert audit["films"]["positive"]["with"] == len(positives) // 2
    assert audit["films"]["negative"]["unknown"] == int((table["target"] == 0).sum())
    assert audit["drains"] == "neatx.csv"


def test_nobody_says_so(finished: RunFolder, small_overrides: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*nowhere\.csv"):
        run_drains(ask(finished, small_overrides, f"drains={tmp_path / 'nowhere.csv'}"))
