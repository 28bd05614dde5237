"""Lending a model: whatever the body does to it, it comes back as it was."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cxr_xai.explainers.contract import HOOKS, bare, borrow, fresh


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout())


def test_each_module_gets_its_own_mode_back() -> None:
    model = small().train()
    model[1].eval()
    with borrow(model) as lent:
        assert lent is model
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
    assert [module.training for module in model] == [True, False, True, True, True]
    assert torch.is_grad_enabled()


def test_twice() -> None:
    model = small()
    with borrow(model), borrow(model):
        pass
    assert model.training


def vandalize(model: Any) -> None:
    """Do what explainers have been seen to do."""
    model.train()
    model.requires_grad_(True)
    model[0](torch.ones(1, 1, 4, 4)).sum().backward()
    model[1].running_mean += 1
    model[1].register_buffer("seen", torch.ones(1))
    model[1].momentum = 0.5
    model[2].inplace = False
    model[2].forward = F.leaky_relu
    model[2].saved = torch.ones(3)
    model[3] = nn.Identity()
    for module in model.modules():
        module.register_forward_hook(lambda *_: None, with_kwargs=True, always_call=True)
        module.register_forward_pre_hook(lambda *_: None)
        module.register_full_backward_hook(lambda *_: None)
        module.register_full_backward_pre_hook(lambda *_: None)
        module.register_state_dict_post_hook(lambda *_: None)
    torch.manual_seed(99)


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_that_a_body_does_stays(fails: bool) -> None:
    model = small().eval()
    model[0].weight.requires_grad_(False)
    handle = model[1].register_forward_hook(lambda *_: None)
    before = [dict(vars(module)) for module in model.modules()]
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    state = torch.get_rng_state()
    try:
        with borrow(model, gradients=True) as lent:
            vandalize(lent)
            if fails:
                raise RuntimeError
    except RuntimeError:
        pass
    assert [list(vars(module)) for module in model.modules()] == [list(names) for names in before]
    assert [module.training for module in model.modules()] == [False] * 6
    assert sum(len(vars(module)[name]) for module in model.modules() for name in HOOKS) == 1
    assert {name: value.tolist() for name, value in model.named_buffers()} == {
        name: value.tolist() for name, value in buffers.items()
    }
    assert (model[1].momentum, model[2].inplace, type(model[3])) == (0.1, True, nn.Flatten)
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    handle.remove()
    assert not model[1]._forward_hooks, "the handle still holds the hook"


def test_no_weight_requires_a_gradient_inside_but_films_may() -> None:
    model = small()
    with torch.inference_mode(), borrow(model, gradients=True) as lent:
        assert not any(p.requires_grad for p in lent.parameters())
        film = fresh(torch.ones(1, 1, 4, 4)).requires_grad_()
        assert torch.autograd.grad(lent(film).sum(), film)[0].shape == film.shape
    assert all(p.requires_grad for p in model.parameters())


def test_wrappers_are_taken_off() -> None:
    model = small()
    wrapped = torch.compile(model, backend="eager")
    assert bare(wrapped) is model
    model.compile(backend="eager")
    with borrow(wrapped) as lent:
        assert lent is model
        assert lent._compiled_call_impl is None
    assert model._compiled_call_impl is not None


def refuse(graph: Any, inputs: Any) -> Any:
    raise AssertionError("compiled code ran")


def test_a_compiled_part_runs_as_it_was_written() -> None:
    model = small().eval()
    plain = model(film := torch.rand(1, 1, 4, 4))
    model[0] = torch.compile(model[0], backend=refuse)
    with borrow(model) as lent:
        assert torch.equal(lent(film), plain)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_in_half_precision_is_copied(compiled: bool) -> None:
    model = small().bfloat16()
    film = torch.rand(1, 1, 4, 4)
    in_full = copy.deepcopy(model).float().eval()
    if compiled:
        model.compile(backend="eager")
    with torch.autocast("cpu", torch.bfloat16), borrow(model) as lent:
        out: Tensor = lent(film)
    assert lent is not model
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert torch.equal(out, in_full(film))


def test_buffers_made_under_inference_mode_come_back() -> None:
    model = small()
    with torch.inference_mode():
        model[1].running_mean = torch.ones(2)
    with torch.inference_mode(), borrow(model) as lent, torch.inference_mode():
        lent[1].running_mean += 1
    assert model[1].running_mean.tolist() == [1, 1]
