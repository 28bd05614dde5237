"""Which studies the gallery shows, and that each film is explained once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.experiments.gallery import RULES, choose_gallery, explain_gallery
from cxr_xai.types import Explanation

COLUMNS = ["image_id", "finding", "target", "prob", "pred"]
ROWS = [
    ("a", "Mass", 1, 0.90, 1),
    ("b", "Mass", 1, 0.95, 1),  # the most confident true positive
    ("c", "Mass", 0, 0.80, 1),  # the most confident false positive
    ("d", "Mass", 0, 0.70, 1),
    ("e", "Mass", 1, 0.30, 0),
    ("f", "Mass", 1, 0.10, 0),  # the least confident positive below the threshold
    ("g", "Mass", 0, 0.99, 0),  # true negatives are not shown
    ("h", "Mass", np.nan, 0.99, 1),  # unknown: neither right nor wrong
    ("a", "Nodule", 0, 0.2, 1),
]


def table(rows: list[tuple[str, str, float, float, int]], part: str = "test") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).assign(part=part)


def test_one_study_per_rule() -> None:
    chosen = choose_gallery(table(ROWS).sample(frac=1, random_state=1))
    assert chosen == [("TP", "b", "Mass"), ("FP", "c", "Mass"), ("FN", "f", "Mass"), ("FP", "a", "Nodule")]
    assert {kind for kind, _, _ in chosen} == set(RULES)


def test_val_is_not_shown() -> None:
    assert choose_gallery(table(ROWS, "val")) == []


@pytest.mark.parametrize("order", [1, -1])
def test_equal_probabilities_are_settled_by_image_id(order: int) -> None:
    rows = [(name, "Mass", target, 0.5, pred) for name in "pqr" for target, pred in [(1, 1)]][::order]
    assert choose_gallery(table(rows)) == [("TP", "p", "Mass")]
    missed = [(name, "Mass", 1, 0.5, 0) for name in "pqr"][::order]
    assert len({tuple(choose_gallery(table(rows))) for rows in (missed, missed[::-1])}) == 1


class Counting:
    """Maps with one cell above the others; the logit of finding k is k."""

    name = "counting"

    def __init__(self) -> None:
        self.films = 0

    def explain(self, model: nn.Module, image: Tensor) -> Explanation:
        self.films += len(image)
        attribution = torch.zeros(len(image), 14, 4, 4)
        attribution[:, torch.arange(14), 0, 0] = 1
        return Explanation(attribution, torch.arange(14.0).repeat(len(image), 1))


def test_each_film_is_explained_once(small_release: Callable[..., Path]) -> None:
    data = ChestXrayDataModule(small_release(), NihReader(), OfficialSplit(0.3), image_size=32, batch_size=1)
    first, second = "00000004_000.png", "00000005_000.png"
    rows = [(first, "Effusion", 1, 0.9, 1), (first, "Nodule", 1, 0.9, 1), (second, "Effusion", 0, 0.8, 1)]
    explainer = Counting()
    panels = explain_gallery(table(rows), data, explainer, nn.Identity(), torch.device("cpu"), epoch=4)
    assert explainer.films == 2
    assert [(p.kind, p.image_id, p.finding) for p in panels] == [
        ("TP", first, "Effusion"),
        ("FP", second, "Effusion"),
        ("TP", first, "Nodule"),
    ]
    assert [p.prob for p in panels] == pytest.approx(torch.sigmoid(torch.tensor([2.0, 2.0, 5.0])).tolist())
    assert [len(p.boxes) for p in panels] == [1, 0, 0]
    assert all(p.epoch == 4 and p.heatmap is not None for p in panels)


def test_nothing_to_show(small_release: Callable[..., Path]) -> None:
    data = ChestXrayDataModule(small_release(), NihReader(), OfficialSplit(0.3), image_size=32)
    assert explain_gallery(table(ROWS, "val"), data, Counting(), nn.Identity(), torch.device("cpu"), 0) == []
