"""The product by hand, and against captum."""

import copy

import pytest
import torch
from captum.attr import GuidedGradCam as Reference
from torch import Tensor, nn

from cxr_xai.explainers.guided_grad_cam import GuidedGradCam
from cxr_xai.models.classifier import build_classifier


class Pixels(nn.Module):
    """Its features are the film; finding 0 likes bright pixels, finding 1 dislikes them."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[4.0], [-4.0]]))

    def features(self, image: Tensor) -> Tensor:
        return image.relu()

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


def test_by_hand() -> None:
    out = GuidedGradCam().explain(Pixels(), torch.tensor([[[[1.0, 2.0], [0.0, 4.0]]]]))
    # guided gradient 1 at positive pixels × map 4 × pixel / 4; finding 1 has a negative gradient and a negative map
    assert out.attribution[0, 0].tolist() == [[1, 2], [0, 4]]
    assert out.attribution[0, 1].abs().max() == 0
    assert out.logits.tolist() == [[7, -7]]


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize(
    "backbone", ["resnet10t", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet50", "densenet121"))]
)
def test_equals_captum(backbone: str) -> None:
    """To 1e-5 of the largest value, where the reference is asked to interpolate bilinearly too."""
    torch.manual_seed(0)
    model = build_classifier(backbone)
    image = torch.rand(2, 1, 96, 64)
    with torch.no_grad():
        model(image)
    twin = copy.deepcopy(model.eval())
    for module in twin.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    ours = GuidedGradCam().explain(model, image).attribution
    alive = [k for k in range(14) if ours[:, k].abs().amax(dim=(1, 2)).min() > 0][:2]
    assert alive
    for finding in alive:
        reference = Reference(twin, twin.trunk)
        theirs = reference.attribute(image.clone().requires_grad_(), finding, interpolate_mode="bilinear")[:, 0]
        assert (ours[:, finding] - theirs).abs().max() <= 1e-5 * theirs.abs().max()
