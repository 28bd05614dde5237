"""Real folds, trained and aggregated: disjoint, exhaustive, with an ensemble on the patients that none has seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxr_xai.artifacts.aggregate_folder import AggregateFolder
from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.splits.file import read_split
from cxr_xai.experiments.command import compose as compose_settings
from cxr_xai.findings import FINDINGS


@pytest.mark.slow
def test_two_arms_over_two_folds_of_train_val(compose: Callable[..., Any], tmp_path: Path) -> None:
    from cxr_xai.experiments.aggregate.run import run_aggregate
    from cxr_xai.experiments.run import run_training

    for fold in (0, 1):
        for loss in ("bce", "focal"):
            chosen = ("split=kfold", "split.k=2", "split.pool=train_val", f"split.fold={fold}", f"loss={loss}")
            run_training(*compose(f"paths.outputs={tmp_path}", "name=folds", "trainer.max_epochs=1", *chosen))
    runs = tmp_path / "folds"
    run_aggregate(*compose_settings("aggregate", [f"runs={runs}", "replicates=100", "primary=[focal,bce]"]))
    folder = AggregateFolder(runs / "aggregate")
    summary, table = folder.read_summary(), pd.read_parquet(folder.out_of_fold)
    split = read_split(RunFolder(next(runs.glob("*-bce-*-f0-*"))).split)[1]
    pool = set(split.loc[split["part"].isin(["train", "val", "test"]), "image_id"])
    assert set(table["image_id"]) == pool
    assert split.loc[split["image_id"].isin(pool), "patient_id"].duplicated().any(), "patients of several images"
    assert len(table) == len(pool) * len(FINDINGS) * 2
    assert table.groupby("patient_id")["fold"].nunique().max() == 1
    assert summary["ensemble"]["split"] == "official test, ensemble of 2 folds trained on train_val"
    assert summary["ensemble"]["studies"] == (split["part"] == "external").sum()
    assert summary["contrasts"]["focal − bce"]["auroc"]["macro"]["primary"]
    assert folder.report.is_file()
    ledger = read_ledger(RunFolder(next(runs.glob("*-bce-*-f0-*"))).ledger)
    read = ledger.loc[ledger["what"] == "test labels"].set_index("purpose")["rows"]
    for purpose in ("predictions of the held-out test list", "aggregate, the ensemble"):
        assert read[purpose] == summary["ensemble"]["studies"]
