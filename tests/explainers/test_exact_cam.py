"""The maps are exact: they add up to the logit, and equal Grad-CAM before its ReLU."""

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cxr_xai.explainers.exact_cam import ExactCam, exact_cam
from cxr_xai.heatmap import make_heatmap
from cxr_xai.models.classifier import build_classifier


class PixelSum(nn.Module):
    """Its features are the film and its negative; finding 0 sums the pixels, finding 1 subtracts them."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2, bias=bias)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[4.0, 0.0], [1.0, 5.0]]))
            if bias:
                self.head.bias.copy_(torch.tensor([10.0, 20.0]))

    def features(self, image: Tensor) -> Tensor:
        return torch.cat([image, -image], dim=1)


def test_by_hand() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    out = ExactCam().explain(PixelSum(), image)
    # weight × pixel / 4 pixels; finding 1: (1 - 5) × pixel / 4
    assert out.attribution.tolist() == [[[[1, 2], [3, 4]], [[-1, -2], [-3, -4]]]]
    assert out.logits.tolist() == [[20, 10]]


def test_without_a_bias() -> None:
    out = ExactCam().explain(PixelSum(bias=False), torch.ones(1, 1, 2, 2))
    assert out.logits.tolist() == [[4, -4]]


def test_each_image_of_a_batch_has_its_own_map() -> None:
    features = torch.zeros(2, 1, 2, 2)
    features[0, 0, 0, 0] = features[1, 0, 1, 1] = 4.0
    maps = exact_cam(features, torch.tensor([[1.0], [-1.0]]))
    assert maps[:, 0].flatten(1).argmax(1).tolist() == [0, 3]
    assert maps[:, 1].flatten(1).argmin(1).tolist() == [0, 3]


def test_differentiable_in_features_and_weight() -> None:
    generator = torch.Generator().manual_seed(0)
    features, weight = (torch.rand(s, generator=generator, dtype=torch.float64) for s in ((2, 3, 2, 2), (4, 3)))
    assert torch.autograd.gradcheck(exact_cam, (features.requires_grad_(), weight.requires_grad_()))


BACKBONES = [
    ("resnet10t", {"in_chans": 1, "options": {"output_stride": 16, "channels": [32, 64, 128, 256], "stem_width": 16}}),
    ("resnet10t", {}),
    pytest.param("resnet50", {}, marks=pytest.mark.slow),
    pytest.param("densenet121", {}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("backbone", "options"), BACKBONES)
def test_adds_up_to_the_logit(backbone: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = build_classifier(backbone, **options)
    image = torch.rand(2, 1, 96, 96)
    out = ExactCam().explain(model, image)
    with torch.no_grad():
        logits = model.eval()(image)
        assert (out.attribution.sum((2, 3)) - (logits - model.head.bias)).abs().max() < 1e-4
        torch.testing.assert_close(out.logits, logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("backbone", "options"), BACKBONES)
def test_equals_grad_cam(backbone: str, options: dict[str, Any]) -> None:
    """Against pytorch-grad-cam at the last feature map, after ReLU and division by the maximum, to 1e-5."""
    torch.manual_seed(0)
    model = build_classifier(backbone, **options)
    with torch.no_grad():
        model(torch.rand(4, 1, 64, 64))
    model.eval()
    image = torch.rand(1, 1, 96, 96)
    ours = make_heatmap(ExactCam().explain(model, image).attribution)[0]
    # The trunk ends in its last feature map; Grad-CAM of the library wants a module whose output that is.
    with GradCAM(model=model, target_layers=[model.trunk]) as reference:
        alive = [k for k in range(14) if not ours[k].isnan().any()]
        assert len(alive) >= 3
        for k in alive[:3]:
            activations, gradients = grad_cam_parts(reference, image, k)
            theirs = np.maximum(reference.get_cam_image(image, None, None, activations, gradients, False), 0)[0]
            np.testing.assert_allclose(ours[k].numpy(), theirs / theirs.max(), atol=1e-5)


def grad_cam_parts(cam: GradCAM, image: Tensor, finding: int) -> tuple[np.ndarray, np.ndarray]:
    """Run the library as its forward does, and return its activations and gradients on the feature grid."""
    cam(image, [ClassifierOutputTarget(finding)])
    store = cam.activations_and_grads
    return store.activations[0].cpu().numpy(), store.gradients[0].cpu().numpy()
