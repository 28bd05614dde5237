"""Explainers get their background from the training part, and only when they ask."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.data.background import Backgrounds
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.errors import UserError
from cxr_xai.experiments.explaining import backgrounds_of, build_explainer, describe_background, nowhere
from cxr_xai.explainers.exact_cam import ExactCam

GRADIENT = {"_target_": "cxr_xai.explainers.shap_gradient.ShapGradient", "background_size": 2}
INTEGRATED = {
    "_target_": "cxr_xai.explainers.integrated_gradients.IntegratedGradients",
    "baseline": "background",
    "films": 2,
}
EXACT = {"_target_": "cxr_xai.explainers.exact_cam.ExactCam"}


@pytest.fixture
def data(small_release: Callable[..., Path]) -> ChestXrayDataModule:
    return ChestXrayDataModule(small_release(), NihReader(), OfficialSplit(val_fraction=0.3), image_size=32)


def test_without_a_background_nothing_is_read() -> None:
    assert isinstance(build_explainer(EXACT, None), ExactCam)


def test_without_data_a_background_is_refused_when_it_is_asked_for() -> None:
    with pytest.raises(
        UserError, match=r"compares with 16 films of the tr.*\(root=…, in training datamodule\.root=…\)"
    ):
        nowhere(16)


def test_an_explainer_without_background_certifies_none(data: ChestXrayDataModule) -> None:
    assert describe_background(EXACT, data) is None


@pytest.mark.parametrize("settings", [GRADIENT, INTEGRATED])
def test_films_are_certified_by_count_and_hash(settings: dict[str, Any], data: ChestXrayDataModule) -> None:
    assert describe_background(settings, data) == {"films": 2, "sha256": Backgrounds(data)(2).sha256}


def test_without_a_background_baseline_integrated_gradients_compares_with_none(data: ChestXrayDataModule) -> None:
    assert describe_background({**INTEGRATED, "baseline": "blur"}, data) is None


def test_films_are_read_once_for_all_explainers(data: ChestXrayDataModule) -> None:
    assert backgrounds_of(data) is backgrounds_of(data)
    assert backgrounds_of(data)(2) is backgrounds_of(data)(2)
    assert len(backgrounds_of(data)(1).image) == 1
