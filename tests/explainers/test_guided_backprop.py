"""The guided rule by hand, and against captum."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from captum.attr import GuidedBackprop as Reference
from torch import Tensor, nn

from cxr_xai.explainers.guided_backprop import GuidedBackprop, GuidedReLUs
from cxr_xai.heatmap import make_heatmap
from cxr_xai.models.classifier import Classifier, build_classifier

SMALL = {"channels": [8, 16, 24, 32], "stem_width": 8}
BACKBONES = [
    ("resnet10t", {"options": SMALL}),
    pytest.param("resnet10t", {}, marks=pytest.mark.slow),
    pytest.param("resnet50", {}, marks=pytest.mark.slow),
    pytest.param("densenet121", {}, marks=pytest.mark.slow),
]


def trained(backbone: str = "resnet10t", **options: Any) -> Classifier:
    torch.manual_seed(0)
    model = build_classifier(backbone, **options)
    with torch.no_grad():
        model(torch.rand(4, 1, 64, 64))  # running statistics that differ from their start
    return model.eval()


def out_of_place(model: nn.Module) -> nn.Module:
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return twin


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize(("backbone", "options"), BACKBONES)
def test_equals_captum(backbone: str, options: dict[str, Any]) -> None:
    """To 1e-5 of the largest gradient; the reference cannot do with layers in place."""
    model = trained(backbone, **options)
    image = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    ours = GuidedBackprop().explain(model, image, [7, 2]).attribution
    reference = Reference(out_of_place(model))
    for place, finding in enumerate((7, 2)):
        theirs = reference.attribute(image.clone().requires_grad_(), target=finding)[:, 0]
        assert (ours[:, place] - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def relus() -> list[Any]:
    in_place = nn.ReLU(inplace=True)
    return [nn.ReLU(), in_place, F.relu, lambda x: F.relu(x, inplace=True), lambda x: F.relu(x, True), F.relu_,
            torch.relu, torch.relu_, Tensor.relu, lambda x: x.relu_()]  # fmt: skip


@pytest.mark.parametrize("relu", relus())
def test_every_kind_of_relu_by_hand(relu: Any) -> None:
    film = torch.tensor([-1.0, 1.0, 1.0], requires_grad=True)
    with GuidedReLUs():
        out = relu(film * 1) * torch.tensor([1.0, 2.0, -3.0])
    # not where the input is negative, not where the gradient is negative
    assert torch.autograd.grad(out.sum(), film)[0].tolist() == [0, 2, 0]
    assert out.tolist() == [0, 2, -3]


def test_in_place_changes_the_tensor_itself() -> None:
    values = torch.tensor([-1.0, 2.0])
    with GuidedReLUs():
        F.relu(values, inplace=True)
    assert values.tolist() == [0, 2]


class Residual(nn.Module):
    """A ReLU's output is added to in place, which spoils it for rules that look at outputs."""

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(image, inplace=False)
        x += torch.tensor([-1.0, 1.0])
        return (x * torch.tensor([2.0, 3.0])).sum(dim=(2, 3))


def test_adding_in_place_after_a_relu_does_no_harm() -> None:
    out = GuidedBackprop().explain(Residual(), torch.tensor([[[[1.0, -1.0]]]]))
    assert out.attribution.tolist() == [[[[2, 0]]]]


def test_the_rule_ends_with_the_context_also_after_a_failure() -> None:
    film = torch.tensor([1.0], requires_grad=True)
    with pytest.raises(ZeroDivisionError), GuidedReLUs():
        raise ZeroDivisionError
    assert torch.autograd.grad(-F.relu(film).sum(), film)[0].tolist() == [-1]


def test_a_film_of_nan_is_dead_and_harms_no_other() -> None:
    model, image = trained(options=SMALL), torch.rand(2, 1, 64, 64)
    plain = GuidedBackprop().explain(model, image[:1], [0]).attribution
    image[1, 0, 5, 5] = torch.nan
    out = GuidedBackprop().explain(model, image, [0])
    assert make_heatmap(out.attribution[1]).isnan().all()
    assert out.logits[1].isnan().all()
    torch.testing.assert_close(out.attribution[:1], plain, atol=1e-6, rtol=1e-5)
