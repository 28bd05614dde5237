"""The demo is neither trivial nor impossible, and its score cannot be had without looking or without learning."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.experiments.assemble import build_datamodule, seed_stream
from cxr_xai.experiments.build import build
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.summary import summarize_localization
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.metrics.classification import auroc, macro_mean

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("demo")
    return [f"paths.outputs={root / 'outputs'}", f"paths.data={root / 'data'}"]


@pytest.fixture(scope="module")
def demo(places: list[str]) -> RunFolder:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    command = [sys.executable, str(PROJECT / "scripts" / "train.py"), *places]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=1800)
    [cell] = (Path(places[0].partition("=")[2]) / "demo").iterdir()
    return RunFolder(cell)


def test_neither_trivial_nor_impossible(demo: RunFolder, places: list[str]) -> None:
    reached = demo.read_summary()["classification"]["test"]["macro"]["auroc"]["value"]
    assert 0.75 <= reached <= 0.97
    data = build_datamodule(compose("train", places)[0])
    thumbnails = {}
    for part in ("train", "test"):
        films = data.dataset(part).batch(data.dataset(part).rows)
        small = [cv2.resize(film, (32, 32), interpolation=cv2.INTER_AREA) for film in films.image[:, 0].numpy()]
        thumbnails[part] = (np.stack(small).reshape(len(small), -1) / 255.0, films.target.numpy())
    (x, y), (x_test, y_test) = thumbnails["train"], thumbnails["test"]
    center, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    x, x_test = (x - center) / spread, (x_test - center) / spread
    probs = [
        LogisticRegression(C=1e-4, max_iter=500).fit(x, y[:, k]).predict_proba(x_test)[:, 1] for k in range(y.shape[1])
    ]
    pixels = macro_mean(auroc(y_test, np.stack(probs, axis=1)))[0]
    print(f"macro AUROC: network {reached:.3f}, logistic regression on 32 x 32 pixels {pixels:.3f}")
    assert reached >= pixels + 0.05


def test_enough_of_everything(demo: RunFolder) -> None:
    summary = demo.read_summary()
    for name, row in summary["classification"]["test"]["findings"].items():
        assert row["positives"] >= 20, name
    for half in ("monitored", "sealed"):
        for name, row in summary["localization"]["exact_cam"][half]["findings"].items():
            assert row["boxes"] >= 20, (half, name)


def test_an_untrained_network_has_no_skill(places: list[str]) -> None:
    settings, _ = compose("train", places)
    data = build_datamodule(settings)
    seed_stream(0, "initialization")
    model = build(settings["model"], "model")
    model.start_at(torch.from_numpy(data.prevalence))
    scores = pd.concat(
        [
            BoxProbe(data, ExactCam(), half).explain(model, torch.device("cpu"), 0).scores
            for half in ("monitored", "sealed")
        ]
    )
    skill = summarize_localization(scores, 500)["macro"]["skill"]
    assert skill["low"] <= 0
