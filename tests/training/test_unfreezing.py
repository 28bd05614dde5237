"""Frozen layers are as if nailed down: no gradient, no update, no decay, no statistics; the others are as ever."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.strategies import FSDPStrategy
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.finetune.contract import BatchNorm, Finetune
from cxr_xai.finetune.full import Full
from cxr_xai.finetune.gradual import Gradual
from cxr_xai.finetune.head import Head
from cxr_xai.finetune.last3 import Last3
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import Classifier, build_classifier
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.training.unfreezing import make_parameter_groups, scale_optimizer, unfreeze

GROUPS = ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
Optimize = Callable[..., torch.optim.Optimizer]
ALONE: Any = SimpleNamespace(trainer=SimpleNamespace(strategy=None))
"""A module of one process: nobody watches its gradients."""


def make_model() -> Classifier:
    torch.manual_seed(3)
    return build_classifier("resnet10t", in_chans=1, options={"channels": [4, 8, 12, 16], "stem_width": 4}).train()


def state_of(model: Classifier, group: str) -> dict[str, Tensor]:
    state = model.state_dict()
    return {name: state[name].clone() for name in model.layer_groups()[group] if name in state}


def train(model: Classifier, finetune: Finetune, optimize: Optimize, epochs: range) -> torch.optim.Optimizer:
    """Three steps an epoch, as the module would take them."""
    optimizer = scale_optimizer(optimize(make_parameter_groups(model, finetune)))
    generator = torch.Generator().manual_seed(0)
    for epoch in epochs:
        unfreeze(ALONE, model, finetune, epoch)
        for _ in range(3):
            optimizer.zero_grad()
            image, target = torch.rand(4, 1, 32, 32, generator=generator), torch.ones(4, 14)
            BCE()(model(image), target).backward()
            optimizer.step()
    return optimizer


def changed_groups(finetune: Finetune, optimize: Optimize, epochs: range) -> list[str]:
    model = make_model()
    before = {group: state_of(model, group) for group in GROUPS}
    train(model, finetune, optimize, epochs)
    return [
        group
        for group in GROUPS
        if not all(torch.equal(value, before[group][name]) for name, value in state_of(model, group).items())
    ]


OPTIMIZERS: list[Optimize] = [
    lambda p: torch.optim.Adam(p, lr=1e-3, weight_decay=0.1),
    lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.1),
    lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1),
]


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
@pytest.mark.parametrize("optimize", OPTIMIZERS)
@pytest.mark.parametrize(
    ("member", "epochs", "expected"),
    [
        (Full, range(1), GROUPS),
        (Head, range(3), GROUPS[:1]),
        (Last3, range(3), GROUPS[:3]),
        (Gradual, range(2), GROUPS[:2]),
        (Gradual, range(4), GROUPS[:4]),
    ],
)
def test_weights_and_statistics_of_frozen_groups_are_bit_equal_after_training(
    member: type[Finetune], epochs: range, expected: list[str], optimize: Optimize, layer_decay: float
) -> None:
    assert changed_groups(member(layer_decay=layer_decay), optimize, epochs) == expected


@pytest.mark.parametrize(
    ("batchnorm", "expected"),
    [("with_group", [False, False, True]), ("fixed", [False, False, False]), ("moving", [True, True, True])],
)
def test_whose_statistics_follow_the_films(batchnorm: BatchNorm, expected: list[bool]) -> None:
    """Of the stem, of layer1 and of layer4, when layer4 trains."""
    model = make_model()
    names = ["trunk.bn1", "trunk.layer1.0.bn1", "trunk.layer4.0.bn1"]
    before = [model.get_submodule(name).running_mean.clone() for name in names]
    train(model, Last3(batchnorm=batchnorm), OPTIMIZERS[0], range(1))
    after = [model.get_submodule(name).running_mean for name in names]
    moved = [not torch.equal(one, two) for one, two in zip(before, after, strict=True)]
    assert moved == expected
    assert model.dropout.training, "no other layer changes its mode"


def test_frozen_weights_hold_no_gradient_and_no_moments() -> None:
    model = make_model()
    optimizer = train(model, Head(), OPTIMIZERS[0], range(1))
    head = set(map(id, model.head.parameters()))
    assert {id(p) for p in optimizer.state} == head
    assert {id(p) for p in model.parameters() if p.grad is not None} == head
    weight = model.get_parameter("trunk.layer1.0.conv1.weight")
    weight.requires_grad_(True).grad = torch.ones_like(weight)
    unfreeze(ALONE, model, Head(), 0)
    assert weight.grad is None


def test_any_epoch_can_be_the_first_of_a_process() -> None:
    """What trains in epoch 2 hangs on nothing that happened before."""
    fresh, trained = make_model(), make_model()
    train(trained, Gradual(), OPTIMIZERS[0], range(2))
    for model in (fresh, trained):
        assert unfreeze(ALONE, model, Gradual(), 2) == 3
    flags = [
        ([p.requires_grad for p in model.parameters()], [m.training for m in model.modules()])
        for model in (fresh, trained)
    ]
    assert flags[0] == flags[1]


def test_one_learning_rate_is_one_group_in_the_networks_order() -> None:
    model = make_model()
    optimizer = torch.optim.Adam(make_parameter_groups(model, Gradual()))
    [group] = optimizer.param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters()]


def test_learning_rates_by_group_are_there_from_the_start_and_scheduled_together() -> None:
    module = ChestXrayModule(
        make_model(),
        BCE(),
        lambda p: torch.optim.Adam(p, lr=0.1),
        lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, [1]),
        finetune=Gradual(layer_decay=0.5),
    )
    configured: Any = module.configure_optimizers()
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    assert [group["name"] for group in optimizer.param_groups] == GROUPS
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1 * 0.5**n for n in range(6)])
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in module.model.parameters())
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01 * 0.5**n for n in range(6)])


def test_a_strategy_that_cannot_freeze_is_named() -> None:
    module: Any = SimpleNamespace(trainer=SimpleNamespace(strategy=object.__new__(FSDPStrategy)))
    with pytest.raises(UserError, match=r"FSDPStrategy cannot; use trainer\.strategy=ddp"):
        unfreeze(module, make_model(), Head(), 0)
    assert unfreeze(module, make_model(), Full(), 0) == len(GROUPS), "nothing is frozen"
