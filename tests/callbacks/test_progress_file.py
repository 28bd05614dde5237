"""progress.json while a small network trains."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning import Callback
from lightning.pytorch.demos.boring_classes import BoringModel

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.progress_file import ProgressFile
from cxr_xai.files import read_json


class Reader(Callback):
    """Reads what the file says after every batch."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.said = folder, list[dict[str, Any]]()

    def on_train_batch_end(self, *_: Any) -> None:
        self.said.append(read_json(self.folder.progress))


def train(folder: RunFolder, seconds: float, **options: Any) -> list[dict[str, Any]]:
    reader = Reader(folder)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=2,
        limit_train_batches=4,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ProgressFile(folder, "val/loss", seconds), reader],
        **options,
    )
    data = torch.utils.data.DataLoader(torch.randn(8, 32))  # type: ignore[arg-type, var-annotated]
    trainer.fit(BoringModel(), data, data)
    return reader.said


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*Checkpoint directory")
def test_steps_of_steps(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    said = train(folder, seconds=0.0)
    assert [(s["step"], s["steps"], s["epochs"]) for s in said] == [(step, 8, 2) for step in range(1, 9)]
    end = read_json(folder.progress)
    assert (end["step"], end["epoch"], end["monitor"], end["best"]) == (8, 2, "val/loss", None)
    assert end["pace"] > 0


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_not_more_often_than_asked(tmp_path: Path) -> None:
    said = train(RunFolder(tmp_path), seconds=1000.0)
    assert {s["step"] for s in said} == {0}, "the first and the last are always written"
    assert read_json(RunFolder(tmp_path).progress)["step"] == 8


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_accumulated_batches_count_as_steps(tmp_path: Path) -> None:
    train(RunFolder(tmp_path), seconds=0.0, accumulate_grad_batches=2)
    end = read_json(RunFolder(tmp_path).progress)
    assert (end["step"], end["steps"]) == (4, 4)
