"""Every member of the families that training is composed of, on real films: two batches, of guidance a whole epoch."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.run import run_training

pytestmark = pytest.mark.slow
CONF = Path(__file__).parents[2] / "conf"
GROUPS = ("loss", "finetune", "guidance", "optimizer", "scheduler", "tta")
MEMBERS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
BESIDE = {
    ("loss", "weighted_bce"): ["balancing=pos_weight"],
    ("guidance", "regions"): ["guidance.masks=atlas"],
}
"""What a member cannot be without."""
WHOLE = ["trainer.limit_train_batches=1.0"]
"""Four of the training films have boxes: not every batch of an epoch has one."""
SMALL = (
    "datamodule=nih",
    "model=resnet10",
    "datamodule.image_size=64",
    "datamodule.batch_size=16",
    "split=patient",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "+trainer.limit_train_batches=2",
    "trainer.enable_progress_bar=false",
    "callbacks.progress=null",
    "bootstrap=20",
)


@pytest.fixture(scope="module")
def films(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real sample as a partial copy whose label file lists what is there: splits of all patients take long."""
    root, source = tmp_path_factory.mktemp("films"), shared / "nih-chestxray14"
    for path in source.iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, root / path.name)
    there = {path.name for path in root.rglob("*.png")}
    labels = root / "Data_Entry_2017_v2020.csv"
    header, *rows = labels.read_text().splitlines()
    labels.write_text("\n".join([header, *(row for row in rows if row.split(",")[0] in there)]) + "\n")
    for name in ("test_list.txt", "train_val_list.txt"):
        kept = [image for image in (root / name).read_text().split() if image in there]
        (root / name).write_text("\n".join(kept) + "\n")
    return root


@pytest.mark.parametrize(("group", "member"), MEMBERS, ids=[f"{group}={member}" for group, member in MEMBERS])
def test_trains_on_real_films(group: str, member: str, films: Path, tmp_path: Path) -> None:
    places = [f"datamodule.root={films}", f"paths.outputs={tmp_path}", f"paths.cache={films}/cache"]
    chosen = [f"{group}={member}", *BESIDE.get((group, member), []), *(WHOLE if group == "guidance" else [])]
    settings, choices = compose("train", [*SMALL, *places, *chosen])
    run_training(settings, choices)
    folder = RunFolder(tmp_path / settings["name"] / name_cell(settings, choices))
    assert folder.read_summary()["epochs"] == 1
    assert np.isfinite(pd.read_parquet(folder.predictions)["logit"]).all()
    metrics = folder.read_metrics()
    assert np.isfinite(metrics.loc[metrics["key"] == "train/loss", "value"]).all()
    boxed = settings["guidance"]["needs"] == "boxes"
    assert (read_ledger(folder.ledger)["what"] == "training boxes").sum() == boxed
    guides = group == "guidance" and member != "none"
    assert (metrics.loc[metrics["key"] == "train/guided_pairs", "value"] > 0).tolist() == [True] * guides
