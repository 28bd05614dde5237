"""Compiled training: the same numbers, plain names, and nothing compiled where maps are made."""

import copy
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from cxr_xai.data.evidence.grid import Evidence
from cxr_xai.explainers.exact_cam import ExactCam, exact_cam
from cxr_xai.finetune.gradual import Gradual
from cxr_xai.guidance.energy import Energy
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import Classifier, build_classifier
from cxr_xai.training.guide import Guide
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.training.unfreezing import unfreeze
from cxr_xai.types import Batch

CLOSE = 1e-4
COMPILERS = ["passing on", pytest.param("inductor", marks=pytest.mark.slow)]


def make_batch(count: int) -> Batch:
    generator = torch.Generator().manual_seed(count)
    return Batch(torch.arange(count), torch.rand(count, 1, 32, 32, generator=generator), torch.ones(count, 14))


def know_all(batch: Batch, grid: tuple[int, int], epoch: int) -> Evidence:
    """Evidence of the first finding lies in the upper row of every study."""
    mask = torch.zeros(len(batch.index), *grid)
    mask[:, 0] = 1
    return Evidence(batch.index, torch.zeros_like(batch.index), mask)


def make_module(model: Classifier, compiled: bool, guide: Guide | None = None) -> ChestXrayModule:
    return ChestXrayModule(model, BCE(), partial(torch.optim.SGD, lr=0.1), compiled=compiled, guide=guide)


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


@pytest.mark.parametrize("compilations", COMPILERS, indirect=True)
@pytest.mark.parametrize("guide", [None, Guide(Energy(weight=1.0), know_all)], ids=["plain", "guided"])
def test_loss_and_gradients_are_those_of_what_is_written(compilations: list[int], guide: Guide | None) -> None:
    torch.manual_seed(0)
    model = build_classifier("resnet10t", dropout=0.0, in_chans=1)
    modules = [make_module(copy.deepcopy(model), False, guide), make_module(model, True, guide)]
    losses = [module.training_step(make_batch(4), 0) for module in modules]
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=CLOSE)
    for loss in losses:
        loss.backward()
    for (name, one), other in zip(*(module.model.named_parameters() for module in modules), strict=True):
        assert torch.allclose(one.grad, other[1].grad, atol=CLOSE, rtol=1e-3), name
    assert len(compilations) == 1
    if guide is not None:
        torch.testing.assert_close(modules[1]._guidance_sums, modules[0]._guidance_sums, atol=CLOSE, rtol=CLOSE)
        assert modules[1]._guidance_sums[1] == 4


def test_each_unfreezing_compiles_anew_within_the_limit(compilations: list[int]) -> None:
    """Two sizes of batch for each of two sets of groups; torch counts from one unfreezing to the next."""
    torch.manual_seed(0)
    module, found = make_module(build_classifier("resnet10t", dropout=0.0, in_chans=1), True), []
    module._trainer = SimpleNamespace(strategy=None)  # type: ignore[assignment]
    with torch._dynamo.config.patch(recompile_limit=2, fail_on_recompile_limit_hit=True):
        for epoch in range(2):
            unfreeze(module, module.model, Gradual(), epoch)
            for count in (4, 2, 4):
                module.training_step(make_batch(count), 0).backward()
            found.append(len(compilations))
            unfreeze(module, module.model, Gradual(), epoch)
            ExactCam().explain(module.model, make_batch(3).image)
            module.training_step(make_batch(4), 0)
            assert len(compilations) == found[-1], "the same groups, and maps in between, ask for nothing"
    assert found == [2, 4]
