"""One film by every explainer, and how many maps a leaderboard can need."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.sweep import explainer_cost
from cxr_xai.experiments.sweep.explainer_cost import count_maps, measure_explainers
from cxr_xai.findings import FINDINGS


def test_every_explainer_is_called_once_and_one_that_refuses_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, _ = compose("train", ["datamodule.image_size=64", "trainer=cpu"])
    chosen = {name: compose("train", [f"explainer={name}"])[0]["explainer"] for name in ("exact_cam", "shap_gradient")}
    built = explainer_cost.build_explainer

    def build(settings: Any, *rest: Any, **handed: Any) -> Any:
        if not settings:
            raise UserError("a library is not installed")
        return built(settings, *rest, **handed)

    monkeypatch.setattr(explainer_cost, "build_explainer", build)
    seconds = measure_explainers(settings, {**chosen, "absent": {}})
    assert list(seconds) == ["exact_cam", "shap_gradient", "absent"]
    assert 0 < seconds["exact_cam"] < seconds["shap_gradient"], "sixteen films and their gradients"
    assert math.isnan(seconds["absent"])


def test_maps_are_at_most_what_each_finding_has() -> None:
    targets = np.zeros((6, len(FINDINGS)))
    targets[:5, 0], targets[:2, 3], targets[2, 3] = 1, 1, np.nan
    index = SimpleNamespace(name="phantom", targets=targets, present=np.array([True] * 4 + [False] * 2))
    split = SimpleNamespace(rows=lambda part: np.arange(6))
    studies: Any = SimpleNamespace(look=lambda settings: (index, split))
    planned: Any = SimpleNamespace(settings={})
    assert count_maps(planned, studies, None) == 4 + 2  # the fifth has no film
    assert count_maps(planned, studies, 3) == 3 + 2


def test_without_masks_the_monitored_boxes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{n}.png" for n in range(4)]
    pairs = [("0.png", "Mass"), ("0.png", "Mass"), ("1.png", "Mass"), ("3.png", "Nodule")]
    boxes = pd.DataFrame(pairs, columns=["image_id", "finding"])
    index = SimpleNamespace(
        name="nih", studies=pd.DataFrame({"image_id": names}), boxes=boxes, present=np.ones(4, bool)
    )
    monkeypatch.setattr(explainer_cost, "half_rows", lambda half, studies, boxed, split: np.array([0, 1]))
    studies: Any = SimpleNamespace(look=lambda settings: (index, None))
    planned: Any = SimpleNamespace(settings={})
    assert count_maps(planned, studies, None) == 2  # two boxes of one finding in a film are one map
    assert count_maps(planned, studies, 1) == 1
