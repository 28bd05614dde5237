"""A copy with fresh weights: it owes nothing to what was learned, and is made once."""

import copy
import gc
import pickle

import pytest
import torch
from torch import nn

from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.explainers.untrained import _COPIES, Untrained, untrain
from cxr_xai.models.classifier import build_classifier

FILM = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(5))


def spoil(model: nn.Module) -> nn.Module:
    """Return a copy that has learned something else."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for tensor in (*other.parameters(), *other.buffers()):
            if tensor.is_floating_point() and tensor.ndim < 4:
                tensor.mul_(1.5).add_(0.1)
            elif tensor.is_floating_point():
                tensor.normal_()
        other.mean, other.std = model.mean, model.std
    return other


def test_what_was_learned_does_not_show(small_model: nn.Module) -> None:
    other = spoil(small_model)
    learned, otherwise = (ExactCam().explain(model, FILM).attribution for model in (small_model, other))
    assert not torch.equal(learned, otherwise)
    one, two = (Untrained().explain(model, FILM) for model in (small_model, other))
    assert torch.equal(one.attribution, two.attribution)
    assert not torch.equal(one.logits, two.logits), "the logits are the model's own"


def test_fresh_weights_are_those_of_he_and_statistics_are_reset(small_model: nn.Module) -> None:
    fresh = untrain(spoil(small_model))
    for module in fresh.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.running_mean == 0).all()
            assert (module.running_var == 1).all()
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
    weight = fresh.trunk.layer4[0].conv2.weight
    assert weight.std().item() == pytest.approx((2 / weight[0].numel()) ** 0.5, rel=0.02)
    assert (fresh.head.bias == 0).all()


def test_memory_format_and_random_state_change_no_draw(small_model: nn.Module) -> None:
    last = copy.deepcopy(small_model).to(memory_format=torch.channels_last)
    first = copy.deepcopy(small_model).to(memory_format=torch.contiguous_format)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    for one, two in zip(untrain(last).parameters(), untrain(first).parameters(), strict=True):
        assert torch.equal(one, two)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(untrain(copy.deepcopy(last), 1).head.weight, last.head.weight)


def test_the_copy_is_made_once_and_goes_with_its_model() -> None:
    model = build_classifier("resnet10t", in_chans=1)
    Untrained().explain(model, FILM)
    (first,) = _COPIES[model].values()
    Untrained().explain(model, FILM)
    (again,) = _COPIES[model].values()
    assert again is first
    Untrained(seed=1).explain(model, FILM)
    assert len(_COPIES[model]) == 2
    before = len(_COPIES)
    del model, first, again
    gc.collect()
    assert len(_COPIES) == before - 1


def test_hooks_are_neither_copied_nor_lost() -> None:
    model = build_classifier("resnet10t", in_chans=1)
    calls: list[str] = []
    model.trunk.layer1.register_forward_hook(lambda *_: calls.append("called"))
    Untrained().explain(model, FILM)
    assert calls == ["called"], "by the model, not by the copy"
    assert len(model.trunk.layer1._forward_hooks) == 1


def test_it_can_be_sent_to_another_process(small_model: nn.Module) -> None:
    explainer = Untrained(seed=3)
    explainer.explain(small_model, FILM)
    assert pickle.loads(pickle.dumps(explainer)).seed == 3
