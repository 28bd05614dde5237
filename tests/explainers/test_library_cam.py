"""What the methods of pytorch-grad-cam share: the right layer, one forward pass, refusals, the library's own numbers.

The library is called directly as it is right: one film and one finding a call, on a copy of the model, at a layer that
nothing overwrites.
"""

import copy
import sys
from typing import Any

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.explainers.grad_cam import GradCam
from cxr_xai.explainers.grad_cam_pp import GradCamPP
from cxr_xai.explainers.hires_cam import HiResCam
from cxr_xai.explainers.layer_cam import LayerCam
from cxr_xai.explainers.library_cam import LibraryCam
from cxr_xai.explainers.score_cam import ScoreCam
from cxr_xai.heatmap import make_heatmap

slow = pytest.mark.slow
LARGE = [pytest.param("resnet50", marks=slow), pytest.param("densenet121", marks=slow)]


@pytest.fixture(scope="module", params=["small", *LARGE])
def model(request: pytest.FixtureRequest, members: Any) -> nn.Module:
    model: nn.Module = members["lived_in"](request.param)
    return model.eval()


def as_the_library(member: LibraryCam, model: Any, film: Tensor, finding: int) -> np.ndarray:
    """One film, one finding, before the library's ReLU, scaling and resizing."""
    model = copy.deepcopy(model)
    method = getattr(pytorch_grad_cam, member.method)
    with method(model=model, target_layers=[model.stages()[member.layer]]) as cam:
        cam(film, [ClassifierOutputTarget(finding)])
        store = cam.activations_and_grads
        parts = (store.activations[0].numpy(), store.gradients[0].numpy() if store.gradients else None)
        raw: np.ndarray = cam.get_cam_image(film, None, [ClassifierOutputTarget(finding)], *parts, False)
        return raw[0]


@pytest.mark.parametrize("layer", [-1, -2, -4])
@pytest.mark.parametrize("kind", [GradCam, GradCamPP, HiResCam, LayerCam])
def test_equals_the_library(kind: type[LibraryCam], layer: int, model: nn.Module, members: Any) -> None:
    films = members["noise"](2)
    member = kind(layer=layer)
    out = member.explain(model, films, [3, 8])
    for row, column, finding in ((0, 0, 3), (1, 1, 8)):
        theirs = as_the_library(member, model, films[row : row + 1], finding)
        ours = out.attribution[row, column].numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max(), rtol=0)


@pytest.mark.parametrize("kind", [GradCam, HiResCam])
def test_at_the_last_layer_it_is_the_exact_map(kind: type[LibraryCam], model: nn.Module, members: Any) -> None:
    """The gradient there is the weight of the head over the cells, everywhere."""
    films = members["noise"](2)
    ours, exact = (make_heatmap(member.explain(model, films).attribution) for member in (kind(), ExactCam()))
    torch.testing.assert_close(ours, exact, atol=1e-5, rtol=0, equal_nan=True)
    assert exact.isfinite().any()


@pytest.mark.parametrize("kind", [GradCamPP, LayerCam])
def test_others_differ_from_it(kind: type[LibraryCam], model: nn.Module, members: Any) -> None:
    films = members["noise"](1)
    ours, exact = (make_heatmap(member.explain(model, films).attribution) for member in (kind(), ExactCam()))
    alive = exact.isfinite() & ours.isfinite()
    assert (ours - exact)[alive].abs().max() > 0.01


def test_grad_cam_and_hires_cam_differ_before_the_last_layer(model: nn.Module, members: Any) -> None:
    films = members["noise"](1)
    one, other = (kind(layer=-2).explain(model, films).attribution for kind in (GradCam, HiResCam))
    assert (one - other).abs().max() > 0.01 * one.abs().max()


def out_of_place(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return model


def test_no_stage_is_overwritten_by_what_follows(model: Any, members: Any) -> None:
    """On CPUs a layer in place may spoil a map that is still to be read: with such layers off all maps are equal."""
    films, twin = members["noise"](1), out_of_place(model)
    for layer in range(-len(model.stages()), 0):
        ours, theirs = (HiResCam(layer=layer).explain(m, films, [5]).attribution for m in (model, twin))
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_maps_become_finer_layer_by_layer(model: Any, members: Any) -> None:
    films = members["noise"](1)
    sizes = [
        GradCam(layer=layer).explain(model, films, [0]).attribution.shape[-1]
        for layer in range(-len(model.stages()), 0)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] >= 4 * sizes[-1]


@pytest.mark.parametrize("kind", [GradCam, ScoreCam])
def test_one_forward_pass_for_all_findings(kind: type[LibraryCam], members: Any) -> None:
    """Score-CAM adds one masked film a channel: 48 here, 32 at a time."""
    model, passes = members["lived_in"](), []
    model.trunk.register_forward_hook(lambda module, inputs, output: passes.append(len(output)))
    kind().explain(model, members["noise"](1))
    assert passes == [1] if kind is GradCam else passes == [1, 32, 16]


def test_a_layer_that_no_later_layer_may_overwrite_stays_whole() -> None:
    """The stage's output is changed in place by what follows; its map is still its own."""
    model = Overwriting()
    out = HiResCam().explain(model, torch.tensor([[[[1.0, -2.0]]]]))
    assert out.attribution.tolist() == [[[[3.0, 0.0]]]]
    assert out.logits.tolist() == [[3.0]]


class Overwriting(nn.Module):
    """Logit = 3 × sum of the positive pixels, by a ReLU in place on the stage's output."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.head = nn.Identity(), nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.head.weight, 3.0)

    def stages(self) -> list[nn.Module]:
        return [self.stage]

    def forward(self, image: Tensor) -> Tensor:
        return self.head(torch.relu_(self.stage(image * 1)).sum((2, 3)))


@pytest.mark.parametrize("layer", [0, 3])
def test_layers_are_counted_from_the_last(layer: int) -> None:
    with pytest.raises(UserError, match=rf"explainer\.layer is {layer}; stages are counted from the last"):
        GradCam(layer=layer)


def test_a_layer_that_is_not_there(members: Any) -> None:
    with pytest.raises(UserError, match=r"layer is -9, but this trunk has 5 stages: -1 \(last\) to -5"):
        GradCam(layer=-9).explain(members["lived_in"](), members["noise"](1))


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, members: Any) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(UserError, match=r"pip install 'cxr-xai\[explainers\]'"):
        GradCam().explain(nn.Identity(), members["noise"](1))
