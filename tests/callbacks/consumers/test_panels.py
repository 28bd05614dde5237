"""Which pairs are drawn, what a panel holds, and what is written."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.callbacks.consumers.panels import Panels, caption, choose_pairs, make_panel
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.box_halves import box_half
from cxr_xai.findings import INDEX
from cxr_xai.types import Panel

Data = Callable[..., ChestXrayDataModule]
FITTING, ELSEWHERE = (256, 512, 128, 256), (704, 64, 256, 128)
FIRST, SECOND = [patient for patient in range(5, 60) if box_half(str(patient)) == "sealed"][:2]


def test_findings_take_turns() -> None:
    scores = pd.DataFrame({"finding": ["Mass", "Mass", "Effusion", "Mass", "Nodule", "Effusion"]})
    assert choose_pairs(scores, 8) == [2, 0, 4, 5, 1, 3]
    assert choose_pairs(scores, 4) == [2, 0, 4, 5]
    assert choose_pairs(scores.iloc[:0], 4) == []


def test_a_panel_holds_film_map_boxes_and_region(boxed_data: Data, in_the_box: Tensor) -> None:
    boxes = [(FIRST, "Mass", *FITTING), (FIRST, "Mass", *ELSEWHERE), (FIRST, "Nodule", *ELSEWHERE)]
    data = boxed_data(boxes, patients=FIRST)
    panel = make_panel(data, "box", 3, FIRST - 1, "Mass", 0.7, in_the_box)
    assert (panel.kind, panel.epoch, panel.finding, panel.target, panel.prob) == ("box", 3, "Mass", 0.0, 0.7)
    assert panel.image_id == f"{FIRST:08d}_000.png"
    assert panel.film.mean() == FIRST + 40
    assert panel.boxes.tolist() == [[8, 16, 12, 24], [22, 2, 30, 6]]
    assert panel.region.tolist() == [8, 16, 12, 24]
    assert panel.heatmap.shape == (32, 32)
    assert 0 <= panel.heatmap.min() <= panel.heatmap.max() <= 1


@pytest.mark.parametrize("cells", [torch.zeros(8, 8), torch.ones(8, 8), torch.full((8, 8), torch.nan)])
def test_a_dead_map_leaves_the_film_bare(boxed_data: Data, cells: Tensor) -> None:
    data = boxed_data([(FIRST, "Mass", *FITTING)], patients=FIRST)
    panel = make_panel(data, "epoch", 0, FIRST - 1, "Mass", 0.7, cells)
    assert (panel.heatmap, panel.region) == (None, None)
    assert len(panel.boxes) == 1


def test_a_finding_without_a_box_has_none(boxed_data: Data, in_the_box: Tensor) -> None:
    data = boxed_data([(FIRST, "Mass", *FITTING)], patients=FIRST)
    assert make_panel(data, "FP", 0, FIRST - 1, "Hernia", 0.7, in_the_box).boxes.shape == (0, 4)


@pytest.mark.parametrize(("target", "word"), [(1.0, "present"), (0.0, "absent"), (float("nan"), "unknown")])
def test_the_caption(target: float, word: str) -> None:
    panel = Panel("TP", 4, "a.png", "Mass", target, 0.876, np.zeros((4, 4), np.uint8), None, np.zeros((0, 4)), None)
    assert caption(panel) == f"TP 4  Mass: label {word}, p = 0.88"


def test_files_rows_and_loggers(boxed_data: Data, hand_made: Any, in_the_box: Tensor, tmp_path: Path) -> None:
    data = boxed_data([(p, f, *FITTING) for p in (FIRST, SECOND) for f in ("Mass", "Nodule")], patients=SECOND)
    probe = BoxProbe(data, hand_made({SECOND: {INDEX["Mass"]: in_the_box}}), "sealed")
    explained = probe.explain(None, torch.device("cpu"), 5)
    folder, logged = RunFolder(tmp_path / "run"), []
    loggers = [SimpleNamespace(log_panels=lambda *given: logged.append(given)), SimpleNamespace()]
    trainer = SimpleNamespace(is_global_zero=False, loggers=loggers, global_step=11)
    assert Panels(folder, data, count=3).consume(explained, trainer) == {}
    assert logged == []
    trainer.is_global_zero = True
    assert Panels(folder, data, count=3).consume(explained, trainer) == {}
    table = pd.read_csv(folder.explanations("hand_made") / "panels.csv")
    names = [f"{patient:08d}_000.png" for patient in (FIRST, FIRST, SECOND)]
    assert table["image_id"].tolist() == names
    assert table["finding"].tolist() == ["Mass", "Nodule", "Mass"]
    assert table["dead"].tolist() == [True, True, False]
    assert set(table["kind"]) == {"box"}
    panels, pictures, step = logged[0]
    assert ([panel.image_id for panel in panels], step) == (names, 11)
    for file, picture in zip(table["file"], pictures, strict=True):
        written = cv2.imread(str(folder.explanations("hand_made") / file))
        np.testing.assert_array_equal(written[..., ::-1], picture)
