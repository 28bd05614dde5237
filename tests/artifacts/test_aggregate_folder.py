"""What aggregating leaves, read back."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.aggregate_folder import OUT_OF_FOLD_COLUMNS, AggregateFolder
from cxr_xai.errors import UserError
from cxr_xai.files import read_json, write_json


def test_numbers_are_read_back(tmp_path: Path) -> None:
    folder = AggregateFolder(tmp_path / "aggregate")
    folder.write_summary({"studies": 3, "value": float("nan")})
    assert folder.read_summary() == {"schema_version": 2, "studies": 3, "value": None}


def test_another_schema_is_refused(tmp_path: Path) -> None:
    folder = AggregateFolder(tmp_path)
    folder.write_summary({})
    write_json(folder.summary, read_json(folder.summary) | {"schema_version": 9})
    with pytest.raises(UserError, match="has schema 9, this version reads 2"):
        folder.read_summary()


def test_columns_that_runs_have_not_are_left_out(tmp_path: Path) -> None:
    folder = AggregateFolder(tmp_path)
    wanted = [name for name in OUT_OF_FOLD_COLUMNS if name != "calibrated"]
    folder.write_out_of_fold(pd.DataFrame({name: [1] for name in [*reversed(wanted), "logit"]}))
    assert list(pd.read_parquet(folder.out_of_fold).columns) == wanted
