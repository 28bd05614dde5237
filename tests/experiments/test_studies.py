"""Studies of a run, without one: what can be taken of them, what of a run's table is read, where regions come from."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.anatomy.atlas import AtlasAnatomy
from cxr_xai.data.anatomy.folder import FolderAnatomy
from cxr_xai.errors import UserError
from cxr_xai.experiments.studies import ALIGNED, Studies, choose_anatomy, read_test, require_paths
from cxr_xai.findings import FINDINGS


def make_studies() -> Studies:
    names = np.array(["a.png", "b.png", "c.png"])
    columns: dict[str, Any] = dict.fromkeys(("image_id", "patient_id", "view"), names)
    columns |= {key: np.arange(3)[:, None] + np.zeros((3, 14)) for key in ("target", "logits")}
    told: dict[str, Any] = dict.fromkeys(("folder", "settings", "data", "model"))
    return Studies(
        **told, device=torch.device("cpu"), weights="", rows=np.arange(3), pred=np.eye(3, 14) > 0, of=9, **columns
    )


def test_some_are_taken_in_the_order_asked_for_with_all_that_belongs_to_them() -> None:
    taken = make_studies().take(np.array([2, 0]))
    assert len(taken) == 2
    assert taken.of == 9
    assert taken.image_id.tolist() == ["c.png", "a.png"]
    assert taken.target[:, 0].tolist() == [2, 0]
    assert np.flatnonzero(taken.pred[0]).tolist() == [2]
    assert all(len(getattr(taken, key)) == 2 for key in ALIGNED)


def test_test_rows_are_read_study_by_study_and_finding_by_finding(tmp_path: Path) -> None:
    rows = [
        {"part": part, "image_id": name, "patient_id": f"of {name}", "finding": finding}
        | {"target": float(k == 1), "logit": k + 100 * (name == "b"), "pred": int(k == 2)}
        for part, name in (("test", "b"), ("test", "a"), ("val", "c"))
        for k, finding in reversed(list(enumerate(FINDINGS)))
    ]
    folder = RunFolder(tmp_path)
    folder.predictions.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(folder.predictions)
    target, logits, pred, patients = read_test(folder)
    assert patients.tolist() == ["of a", "of b"]
    assert logits[1].tolist() == [100 + k for k in range(14)]
    assert np.flatnonzero(target[0]).tolist() == [1]
    assert np.flatnonzero(pred[1]).tolist() == [2]
    assert pred.dtype == bool


def test_given_masks_come_first_and_the_atlas_last(tmp_path: Path) -> None:
    data: Any = SimpleNamespace(root=tmp_path, index=SimpleNamespace(name="nih"))
    assert isinstance(choose_anatomy(data, None), AtlasAnatomy)
    found = choose_anatomy(data, str(tmp_path))
    assert isinstance(found, FolderAnatomy)
    assert found.root == tmp_path


@pytest.mark.parametrize(("key", "value"), [("folder", None), ("folder", 5), ("masks", 5)])
def test_a_place_is_text(key: str, value: Any) -> None:
    require_paths({"folder": "a", "masks": None}, ["folder"], ["masks"])
    with pytest.raises(UserError, match=f"{key}={value}"):
        require_paths({"folder": "a", "masks": None, key: value}, ["folder"], ["masks"])
