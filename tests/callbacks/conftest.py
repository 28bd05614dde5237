"""A small boxed source whose films say whose they are, and an explainer whose maps are chosen by hand."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.types import Explanation

TRAIN_VAL = 4
"""Patients 1 to 4 train and validate; the others are test."""


def film_of(patient: int) -> np.ndarray:
    """Stripes, since a blank film would be unfit, whose mean is 40 and the patient."""
    return np.tile(np.array([20, 60], np.uint8) + np.uint8(patient), (32, 16))


def image_of(patient: int) -> str:
    return f"{patient:08d}_000.png"


@pytest.fixture
def boxed_data(tmp_path: Path) -> Callable[..., ChestXrayDataModule]:
    """``boxed_data([(patient, finding, x, y, w, h), …], patients=8)``: boxes in pixels of 1024, images of 32."""

    def build(boxes: list[tuple[Any, ...]], patients: int = 8, **options: Any) -> ChestXrayDataModule:
        names = [image_of(patient) for patient in range(1, patients + 1)]
        (tmp_path / "images").mkdir()
        for patient, name in enumerate(names, start=1):
            Image.fromarray(film_of(patient)).save(tmp_path / "images" / name)
        table = pd.DataFrame({"Image Index": names, "Finding Labels": "No Finding", "Follow-up #": 0})
        table["Patient ID"] = range(1, patients + 1)
        table = table.assign(**{"Patient Age": 50, "Patient Gender": "F", "View Position": "PA"})
        table.to_csv(tmp_path / "Data_Entry_2017_v2020.csv", index=False)
        (tmp_path / "train_val_list.txt").write_text("\n".join(names[:TRAIN_VAL]))
        (tmp_path / "test_list.txt").write_text("\n".join(names[TRAIN_VAL:]))
        lines = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
        lines += [",".join([image_of(patient), *map(str, rest)]) for patient, *rest in boxes]
        (tmp_path / "BBox_List_2017.csv").write_text("\n".join(lines) + "\n")
        settings = {"split": OfficialSplit(val_fraction=0.5), "image_size": 32, "batch_size": 3, **options}
        return ChestXrayDataModule(tmp_path, NihReader(), **settings)

    return build


class HandMadeMaps:
    """Maps by patient, on a grid of 8 x 8; logits are 0, so every probability is .5.

    Args:
        maps: patient → finding column → ``(8, 8)``; a map that is not given is negative everywhere, hence dead.
    """

    name = "hand_made"

    def __init__(self, maps: Mapping[int, Mapping[int, Tensor]]) -> None:
        self.maps = maps
        self.batches: list[list[int]] = []

    def explain(self, model: nn.Module, image: Tensor) -> Explanation:
        patients = [round(float(film.mean()) * 255) - 40 for film in image]
        self.batches.append(patients)
        attribution = torch.full((len(image), 14, 8, 8), -1.0)
        for number, patient in enumerate(patients):
            for column, cells in self.maps.get(patient, {}).items():
                attribution[number, column] = cells
        return Explanation(attribution, torch.zeros(len(image), 14))


@pytest.fixture(scope="session")
def hand_made() -> type[HandMadeMaps]:
    return HandMadeMaps


@pytest.fixture(scope="session")
def in_the_box() -> Tensor:
    """The map of cells (4, 2) and (5, 2): at 32 pixels its region fills columns 8 to 12, rows 16 to 24."""
    cells = torch.zeros(8, 8)
    cells[4:6, 2] = 3.0
    return cells
