"""What every explainer promises; runs over all of ``conf/explainer``. Above all: the model is lent, never taken."""

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.experiments.build import build
from cxr_xai.explainers.contract import Explainer, borrow
from cxr_xai.explainers.superpixels import Superpixels
from cxr_xai.models.classifier import Classifier, build_classifier
from cxr_xai.types import Background

SMALL: dict[str, dict[str, Any]] = {
    "shap_gradient": {"background_size": 2, "moments": 2},
    "shap_deep": {"background_size": 2},
    "shap_kernel": {"background_size": 2, "samples": 14},
    "shap_partition": {"background_size": 2, "max_evals": 16},
}
"""Settings under which methods that ask the model often are quick."""


@pytest.fixture(scope="module")
def trained() -> Classifier:
    torch.manual_seed(0)
    model = build_classifier("resnet10t", in_chans=1)
    with torch.no_grad():
        for _ in range(2):
            model(torch.rand(4, 1, 64, 64))  # running statistics that differ from their start
    return model


@pytest.fixture
def model(trained: Classifier) -> Classifier:
    """In an untidy state: mixed modes, gradients, frozen weights, a hook."""
    model = copy.deepcopy(trained).train()
    model.trunk.layer2.eval()
    model(torch.rand(4, 1, 64, 64)).sum().backward()
    model.head.weight.requires_grad_(False)
    return model


@pytest.fixture
def image() -> Tensor:
    return torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def explainer(explainer_settings: dict[str, Any]) -> Explainer:
    name = explainer_settings["_target_"].split(".")[-2]
    handed = {"background": draw_background, "regions": Superpixels("grid", 4)}
    return build(explainer_settings | SMALL.get(name, {}), "explainer", handed)


def draw_background(count: int) -> Background:
    """Films to compare with, for the explainers that do."""
    return Background(torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(2)), sha256="")


def photograph(model: nn.Module) -> dict[str, Any]:
    """Everything of a model, and of the random generators, that a borrower might change."""
    return {
        "modes": [module.training for module in model.modules()],
        "state": {name: value.clone() for name, value in model.state_dict().items()},
        "grads": {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()},
        "trains": [p.requires_grad for p in model.parameters()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks), len(m._backward_pre_hooks))
            for m in model.modules()
        ],
        "random": (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()),  # noqa: NPY002
        "grad mode": torch.is_grad_enabled(),
    }


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, np.ndarray):
        assert np.array_equal(one, other)
    else:
        assert one == other


def test_maps_of_all_findings_in_float32(explainer: Explainer, model: Classifier, image: Tensor) -> None:
    out = explainer.explain(model, image)
    assert out.attribution.shape[:2] == (3, 14)
    assert out.attribution.ndim == 4
    assert out.attribution.dtype == out.logits.dtype == torch.float32
    assert not out.attribution.requires_grad
    assert not out.logits.requires_grad


def test_logits_are_those_of_the_model_in_evaluation(explainer: Explainer, model: Classifier, image: Tensor) -> None:
    out = explainer.explain(model, image)
    with torch.no_grad():
        torch.testing.assert_close(out.logits, model.eval()(image), atol=1e-5, rtol=0)


def test_the_model_comes_back_as_it_was(explainer: Explainer, model: Classifier, image: Tensor) -> None:
    before = photograph(model)
    explainer.explain(model, image)
    assert_same(before, photograph(model))


def test_the_model_comes_back_also_after_a_failure(
    explainer: Explainer, model: Classifier, image: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model.trunk.layer3, "forward", fail)
    before = photograph(model)
    with pytest.raises(RuntimeError, match="out of memory"):
        explainer.explain(model, image)
    assert_same(before, photograph(model))


def test_training_goes_on_as_if_nothing_had_been_explained(
    explainer: Explainer, model: Classifier, image: Tensor
) -> None:
    def step(model: Classifier) -> Tensor:
        torch.manual_seed(3)
        return model(image).sum()

    twin = copy.deepcopy(model)
    explainer.explain(model, image)
    assert torch.equal(step(model), step(twin))


@pytest.mark.parametrize("context", ["inference", "autocast", "no_grad", "both"])
def test_the_maps_are_the_same_in_any_context(
    explainer: Explainer, model: Classifier, image: Tensor, context: str
) -> None:
    plain = explainer.explain(model, image)
    with (
        torch.inference_mode(context in ("inference", "both")),
        torch.autocast("cpu", torch.bfloat16, enabled=context in ("autocast", "both")),
        torch.set_grad_enabled(context not in ("no_grad", "inference", "both")),
    ):
        out = explainer.explain(model, image)
    torch.testing.assert_close(out.attribution, plain.attribution, atol=1e-4, rtol=0)
    torch.testing.assert_close(out.logits, plain.logits, atol=1e-4, rtol=0)
    assert out.attribution.cpu().numpy().dtype == np.float32


def test_a_map_does_not_depend_on_its_batch(explainer: Explainer, model: Classifier, image: Tensor) -> None:
    together = explainer.explain(model, image).attribution
    alone = explainer.explain(model, image[1:2]).attribution
    torch.testing.assert_close(alone[0], together[1], atol=1e-5, rtol=0)


def test_the_name_is_the_file(explainer: Explainer, request: pytest.FixtureRequest) -> None:
    assert explainer.name == request.node.callspec.id


def test_borrow_gives_each_module_its_own_mode_back() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    model[1].eval()
    with borrow(model) as lent:
        assert lent is model
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
    assert [module.training for module in model.modules()] == [True, True, False]
    assert torch.is_grad_enabled()


def test_borrow_twice() -> None:
    model = nn.Linear(1, 1)
    with borrow(model), borrow(model):
        pass
    assert model.training
