"""The folds together, on patients that none has seen."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.index import Index
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.cells import find_cells
from cxr_xai.experiments.aggregate.ensemble import read_ensemble, summarize_ensemble
from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.experiments.aggregate.refuse import require_sound_folds, require_whole_design


def read(runs: Path) -> Pool:
    design = require_whole_design(name_arms(find_cells(runs).cells))
    return read_ensemble(design, require_sound_folds(design))


@pytest.fixture(scope="module")
def held(write: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("held") / "runs", pool="train_val", k=4)


def test_the_mean_of_the_folds_probabilities_on_the_test_list(held: Path, index: Index) -> None:
    pool = read(held)
    official = index.studies.loc[index.studies["official"] == "test", "image_id"]
    assert sorted(pool.images) == sorted(official)
    tables = [pd.read_parquet(RunFolder(path).predictions) for path in held.glob("*-focal-*")]
    rows = pd.concat(tables)
    rows = rows[(rows["part"] == "external") & (rows["finding"] == "Mass")].groupby("image_id")
    np.testing.assert_allclose(pool.scores["focal"]["prob"][0][:, 4], rows["prob"].mean().loc[pool.images])
    votes = rows["pred"].mean().loc[pool.images]
    assert (pool.scores["focal"]["pred"][0][:, 4] == (votes >= 0.5)).all()
    assert set(pool.scores["focal"]["pred"][0].ravel()) == {0, 1}


def test_the_ledgers_say_that_the_test_list_was_read(held: Path) -> None:
    pool, folder = read(held), RunFolder(next(held.iterdir()))
    line = read_ledger(folder.ledger).iloc[-1]
    assert (line["what"], line["purpose"], line["rows"]) == ("test labels", "aggregate, the ensemble", len(pool.images))


def test_it_beats_its_members_and_carries_its_own_card(held: Path) -> None:
    pool = read(held)
    numbers = summarize_ensemble(pool, ["auroc"], replicates=100, folds=4)
    assert numbers["split"] == "official test, ensemble of 4 folds trained on train_val"
    assert numbers["studies"] == len(pool.images)
    ensemble = numbers["arms"]["focal"]["macro"]["auroc"]
    assert ensemble["low"] < ensemble["value"] < ensemble["high"]
    # Four models with independent noise: together far above what one of them reaches (about .84).
    assert ensemble["value"] > 0.92


def test_incomplete_predictions_are_refused(held: Path, tmp_path: Path) -> None:
    runs = Path(shutil.copytree(held, tmp_path / "runs"))
    for folder in map(RunFolder, runs.iterdir()):
        table = pd.read_parquet(folder.predictions)
        gone = table.loc[table["part"] == "external", "image_id"].iloc[0]
        table[table["image_id"] != gone].to_parquet(folder.predictions)
    with pytest.raises(UserError, match=r"predicted \d+ of \d+ studies of external"):
        read(runs)


def test_out_of_fold_studies_are_never_an_ensembles(sound: Path) -> None:
    with pytest.raises(UserError, match=r"every study was trained on by some fold\. With split\.pool=train_val"):
        read(sound)
