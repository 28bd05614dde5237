"""What the contract needs to run over members that it does not know: a cheap model, what is injected, cheap options."""

from typing import Any

import pytest
import torch
from torch import Tensor

from cxr_xai.experiments.build import build
from cxr_xai.explainers.contract import Explainer
from cxr_xai.models.classifier import Classifier, build_classifier
from cxr_xai.types import Background

SMALL = {"output_stride": 16, "channels": [16, 24, 32, 48], "stem_width": 16}

CHEAP: dict[str, dict[str, Any]] = {}
"""Name of an explainer → settings that make it cheap: fewer samples prove the contract as well as many."""

CHEAP_LARGE: dict[str, dict[str, Any]] = {
    "score_cam": {"layer": -5},  # 64 channels in place of 2,048
}
"""The same on resnet50 and densenet121, in addition."""

HEAVY: set[str] = set()
"""Names that even so are too slow there for the quick suite."""


def draw_background(count: int) -> Background:
    """Stand in for films of the training part: the same films for the same number, the first of a larger one."""
    films = torch.rand(64, 1, 64, 64, generator=torch.Generator().manual_seed(17))
    return Background(films[:count], "0" * 64)


def four_by_four(image: Tensor) -> Tensor:
    """``(N, 1, H, W)`` → ``(N, H, W)`` int64 labels of 16 cells."""
    rows, columns = (torch.arange(size) * 4 // size for size in image.shape[-2:])
    return (4 * rows[:, None] + columns).expand(len(image), -1, -1).to(image.device)


CONTEXT: dict[str, Any] = {"background": draw_background, "superpixels": four_by_four, "regions": four_by_four}
"""What members may ask for by parameter name."""


def build_member(settings: dict[str, Any], large: bool = False) -> Explainer:
    """Build a member as an experiment does, with cheap settings; ``large`` for resnet50 and densenet121."""
    name = settings["_target_"].split(".")[-2]
    cheap = CHEAP.get(name, {}) | (CHEAP_LARGE.get(name, {}) if large else {})
    member: Explainer = build(settings | cheap, "explainer", CONTEXT)
    return member


def lived_in(backbone: str = "small") -> Classifier:
    """Build a classifier whose running statistics have seen films."""
    torch.manual_seed(0)
    if backbone == "small":
        model = build_classifier("resnet10t", in_chans=1, options=SMALL)
    else:
        model = build_classifier(backbone, in_chans=1)
    with torch.no_grad():
        for _ in range(2):
            model(torch.rand(4, 1, 64, 64))
    return model


def noise(count: int) -> Tensor:
    """``(N, 1, 64, 64)`` films of noise, always the same."""
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def members() -> Any:
    """The functions above, for a test that builds what it wants: ``members["lived_in"]("resnet50")``."""
    return globals()


@pytest.fixture(scope="session")
def small_model() -> torch.nn.Module:
    """A small model for members whose answer does not hang on what it has learned."""
    torch.manual_seed(0)
    return build_classifier("resnet10t", in_chans=1)
