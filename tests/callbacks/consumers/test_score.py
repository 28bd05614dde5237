"""Means and skill of a table of four rows."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, RunFolder
from cxr_xai.callbacks.consumers.score import Score, summarize_scores
from cxr_xai.callbacks.explained import Explained


def four_rows(boxes_of_mass: int = 8) -> pd.DataFrame:
    """Three masses, the last one's map dead, and an effusion with 19 boxes."""
    scores = pd.DataFrame(
        {
            "finding": ["Mass", "Mass", "Mass", "Effusion"],
            "boxes": [boxes_of_mass, 6, 6, 19],
            "dead": [False, False, True, False],
            "pointing": [1.0, 0.5, np.nan, 0.0],
            "energy": [0.3, 0.6, np.nan, 0.1],
            "iou": [0.8, 0.4, np.nan, 1.0],
            "prior_iou": [0.1, 0.2, 0.3, 0.0],
            "ceiling_iou": [0.5, 0.6, 0.7, 1.0],
        }
    )
    known = {"image_id": list("abcd"), "patient_id": list("1234"), "half": "monitored", "epoch": 2, "explainer": "x"}
    return scores.assign(**{key: known.get(key, 0.5) for key in LOCALIZATION_COLUMNS if key not in scores.columns})


def test_dead_maps_count_zero() -> None:
    scalars = summarize_scores(four_rows())
    expected = {
        "probe/pointing/Mass": 1.5 / 3,
        "probe/energy/Mass": 0.9 / 3,
        "probe/iou/Mass": 1.2 / 3,
        "probe/pointing/Effusion": 0.0,
        "probe/energy/Effusion": 0.1,
        "probe/iou/Effusion": 1.0,
        "probe/pointing/micro": 1.5 / 4,
        "probe/energy/micro": 1.0 / 4,
        "probe/iou/micro": 2.2 / 4,
        "probe/dead": 1 / 4,
        "probe/skill/macro": (0.4 - 0.2) / (0.6 - 0.2),  # of masses alone: effusion has 19 boxes
    }
    assert scalars == pytest.approx(expected)


def test_skill_needs_twenty_boxes() -> None:
    assert np.isnan(summarize_scores(four_rows(boxes_of_mass=7))["probe/skill/macro"])


def test_skill_without_a_prior_is_undefined() -> None:
    scalars = summarize_scores(four_rows().assign(prior_iou=np.nan))
    assert np.isnan(scalars["probe/skill/macro"])
    assert scalars["probe/iou/Mass"] == pytest.approx(0.4)


def test_rows_are_kept_by_the_first_process_alone(tmp_path: Path) -> None:
    scores, folder = four_rows(), RunFolder(tmp_path)
    maps = torch.zeros(4, 14, 2, 2)
    explained = Explained(
        "x", 2, "monitored", np.arange(4), maps, maps[..., 0, 0], scores, np.zeros((4, 4), np.float32)
    )
    consumer = Score(folder)
    other = consumer.consume(explained, SimpleNamespace(is_global_zero=False))
    assert not folder.localization.exists()
    assert consumer.consume(explained, SimpleNamespace(is_global_zero=True)) == other
    kept = pd.read_parquet(folder.localization)
    assert kept["iou"].tolist() == pytest.approx([0.8, 0.4, np.nan, 1.0], nan_ok=True)
    consumer.consume(explained, SimpleNamespace(is_global_zero=True))
    assert len(pd.read_parquet(folder.localization)) == 4, "an epoch run again takes the place of the first"
