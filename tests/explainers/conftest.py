"""What the contract needs to run over members that it does not know: a cheap model, what is injected, cheap options."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cxr_xai.experiments.build import build
from cxr_xai.explainers.contract import Explainer
from cxr_xai.models.classifier import Classifier, build_classifier
from cxr_xai.types import Background

SMALL = {"output_stride": 16, "channels": [16, 24, 32, 48], "stem_width": 16}

CHEAP: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 2},
    "lime": {"count": 9, "samples": 12},
    "occlusion": {"window": 32, "stride": 16},
    "shap_gradient": {"background_size": 2, "moments": 2},
    "shap_deep": {"background_size": 2},
    "shap_kernel": {"background_size": 2, "samples": 40},
    "shap_partition": {"background_size": 2, "max_evals": 16},
}
"""Name of an explainer → settings that make it cheap: fewer samples prove the contract as well as many."""

CHEAPEST: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 1},
    "lime": {"count": 4, "samples": 5},
    "occlusion": {"window": 64, "stride": 64},
    "score_cam": {"layer": -5},
    "shap_gradient": {"background_size": 1, "moments": 1},
    "shap_deep": {"background_size": 1},
    "shap_kernel": {"background_size": 1, "samples": 32},
    "shap_partition": {"background_size": 1, "max_evals": 4},
}
"""The same where only what is left behind counts, or that it runs at all."""

CHEAP_LARGE: dict[str, dict[str, Any]] = {
    "occlusion": {"window": 32, "stride": 32},
    "score_cam": {"layer": -5},  # 64 channels in place of 2,048
}
"""The same on resnet50 and densenet121, in addition."""


def draw_background(count: int) -> Background:
    """Stand in for films of the training part: the same films for the same number, the first of a larger one."""
    films = torch.rand(64, 1, 64, 64, generator=torch.Generator().manual_seed(17))
    return Background(films[:count], "0" * 64)


def four_by_four(image: Tensor) -> Tensor:
    """``(N, 1, H, W)`` → ``(N, H, W)`` int64 labels of 16 cells."""
    rows, columns = (torch.arange(size) * 4 // size for size in image.shape[-2:])
    return (4 * rows[:, None] + columns).expand(len(image), -1, -1).to(image.device)


CONTEXT: dict[str, Any] = {"background": draw_background, "regions": four_by_four}
"""What members may ask for by parameter name."""


def build_member(settings: dict[str, Any], large: bool = False, cheapest: bool = False) -> Explainer:
    """Build a member as an experiment does, with cheap settings; ``large`` for resnet50 and densenet121."""
    name = settings["_target_"].split(".")[-2]
    cheap = CHEAP.get(name, {}) | (CHEAP_LARGE if large else CHEAPEST if cheapest else {}).get(name, {})
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
def small_model() -> Classifier:
    """For members whose answer does not hang on what the model has learned."""
    torch.manual_seed(0)
    return build_classifier("resnet10t", in_chans=1)


@pytest.fixture(scope="session")
def members() -> Any:
    """The functions above, for a test that builds what it wants: ``members["lived_in"]("resnet50")``."""
    return globals()


class Negatives(nn.Module):
    """The film and its negative, two channels."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([image, -image], dim=1)


class PixelSum(nn.Module):
    """Logits worked out by hand: ``4 · mean + 10`` and ``(1 - 5) · mean + 20`` of the film's pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = Negatives(), nn.Linear(2, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[4.0, 0.0], [1.0, 5.0]]))
            self.head.bias.copy_(torch.tensor([10.0, 20.0]))

    def stages(self) -> list[nn.Module]:
        return [self.trunk]

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trunk(image).mean((2, 3)))
        return logits


@pytest.fixture
def pixel_sum() -> nn.Module:
    return PixelSum()


@pytest.fixture
def pixels_1234() -> Tensor:
    return torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
