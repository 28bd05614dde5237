"""Compiled training: the same numbers, plain names, and nothing compiled where maps are made."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from cxr_xai.explainers.exact_cam import ExactCam, exact_cam
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import Classifier, build_classifier
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.types import Batch

CLOSE = 1e-4


def make_batch(count: int) -> Batch:
    generator = torch.Generator().manual_seed(count)
    return Batch(torch.arange(count), torch.rand(count, 1, 32, 32, generator=generator), torch.ones(count, 14))


def make_module(model: Classifier, compiled: bool) -> ChestXrayModule:
    return ChestXrayModule(model, BCE(), partial(torch.optim.SGD, lr=0.1), compiled=compiled)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A compiler that keeps what it is given, and notes each time that it is asked."""
    asked: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        asked.append(len(inputs))
        return graph.forward

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    return asked


def test_training_is_compiled_and_the_rest_is_not(compilations: list[int]) -> None:
    torch.manual_seed(0)
    model = build_classifier("resnet10t", dropout=0.0, in_chans=1)
    eager, compiled = make_module(copy.deepcopy(model), False), make_module(model, True)
    assert eager.state_dict().keys() == compiled.state_dict().keys(), "no name tells"
    for module in (eager, compiled):
        module.training_step(make_batch(4), 0).backward()
    assert len(compilations) == 1
    for one, other in zip(eager.model.parameters(), compiled.model.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=CLOSE)
    features = compiled.model.features(make_batch(4).image)
    assert len(compilations) == 1, "whoever asks for features has the compiled ones"
    maps = exact_cam(features, compiled.model.head.weight)
    logits = compiled.model.classify(features) - compiled.model.head.bias
    assert torch.allclose(maps.sum(dim=(2, 3)), logits, atol=CLOSE)
    compiled.model.load_state_dict(eager.model.state_dict())  # statistics of two passes against one
    found, expected = (ExactCam().explain(module.model, make_batch(3).image) for module in (compiled, eager))
    assert torch.allclose(found.attribution, expected.attribution, atol=CLOSE)
    for module in (eager.eval(), compiled.eval()):
        module.validation_step(make_batch(3), 0)
        module.predict_step(make_batch(2), 0)
    assert torch.equal(eager.val.logits[0], compiled.val.logits[0])
    assert len(compilations) == 1, "validation, prediction and maps ask for no other size"
    compiled.train().training_step(make_batch(2), 1)
    assert len(compilations) == 2, "the last batch of an epoch is shorter"


@pytest.mark.slow
def test_the_real_compiler_gives_the_same_gradients() -> None:
    torch.manual_seed(0)
    torch._dynamo.reset()
    model = build_classifier("resnet10t", dropout=0.0, in_chans=1)
    eager, compiled = make_module(copy.deepcopy(model), False), make_module(model, True)
    losses = [module.training_step(make_batch(4), 0) for module in (eager, compiled)]
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=CLOSE)
    for loss in losses:
        loss.backward()
    for (name, one), other in zip(eager.model.named_parameters(), compiled.model.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=CLOSE, rtol=1e-3), name
