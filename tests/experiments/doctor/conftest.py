"""A healthy case; tests break one thing of it."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.experiments.command import compose
from cxr_xai.experiments.doctor.case import Case

MakeCase = Callable[..., Case]


@cache
def composed(overrides: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    return compose("train", overrides)


@pytest.fixture
def make_case(tmp_path: Path) -> MakeCase:
    """``make_case(*overrides, launcher=…, launching=…)``."""

    def make(*overrides: str, launcher: str = "processes", launching: dict[str, Any] | None = None) -> Case:
        settings, choices = copy.deepcopy(composed(overrides))
        settings["paths"]["outputs"] = str(tmp_path / "outputs")
        settings["datamodule"]["cache_dir"] = str(tmp_path / "cache")
        settings["datamodule"]["image_size"] = 64
        if "nih" not in str(overrides):
            settings["datamodule"]["root"] = str(tmp_path / "phantom")
        return Case(settings, choices, launcher, launching or {})

    return make
