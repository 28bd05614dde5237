"""Applies a schedule of layer groups to a network in training, and tells those who watch its weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.strategies import DDPStrategy, ParallelStrategy, Strategy
from torch import nn

from cxr_xai.errors import UserError
from cxr_xai.finetune.contract import Finetune, scale_learning_rates, statistics_move

Groups = Mapping[str, Sequence[str]]
"""Names of weights and buffers by group of layers, from the head to the stem."""


def unfreeze(module: LightningModule, model: Any, finetune: Finetune, epoch: int) -> int:
    """Let the groups train whose epoch it is, and no other; return how many do.

    Nothing is kept from call to call: a run that goes on in any epoch finds the same groups.

    Args:
        module: what the strategy trains.
        model: its network, with ``layer_groups``.
        finetune: the schedule.
        epoch: that begins or goes on.
    """
    groups: Groups = model.layer_groups()
    trains = finetune.trains(list(groups), epoch)
    changed = False
    for name, tensors in groups.items():
        changed |= free_weights(model, tensors, name in trains)
        move_statistics(model, tensors, statistics_move(finetune.batchnorm, name in trains))
    if changed:
        watch_anew(module.trainer.strategy, module)
        compile_anew(model)
    return len(trains)


def free_weights(model: nn.Module, tensors: Sequence[str], free: bool) -> bool:
    """Let weights have gradients, or have none, so that no optimizer touches them; return whether that changed any."""
    weights = dict(model.named_parameters())
    touched = [weights[name] for name in tensors if name in weights and weights[name].requires_grad != free]
    for weight in touched:
        weight.requires_grad_(free)
        weight.grad = None
    return bool(touched)


def move_statistics(model: nn.Module, tensors: Sequence[str], move: bool) -> None:
    """Put normalizations with running statistics into training or evaluation mode, and no other layer."""
    for name in tensors:
        owner, _, leaf = name.rpartition(".")
        if leaf == "running_mean":
            model.get_submodule(owner).train(move)


def watch_anew(strategy: Strategy, module: LightningModule) -> None:
    """Let several processes average the gradients that there are now.

    What DDP reduces is settled when it is made, and weights that come later would drift apart between processes.

    Raises:
        UserError: the strategy is another, which cannot do that.
    """
    if isinstance(strategy, DDPStrategy):
        strategy.model = module
        strategy.configure_ddp()
    elif isinstance(strategy, ParallelStrategy):
        raise UserError(f"finetune= freezes layers, which {type(strategy).__name__} cannot; use trainer.strategy=ddp.")


def compile_anew(model: nn.Module) -> None:
    """Forget the code of parts that are compiled: it is made anew for other groups, for each size of batch.

    There are twelve such pairs for six groups, and from the ninth on torch would quietly compile no more.
    """
    if any(part._compiled_call_impl is not None for part in model.modules()):
        torch.compiler.reset()


def make_parameter_groups(model: Any, finetune: Finetune) -> list[Any]:
    """Return what the optimizer is made of: all weights from the start, so that schedulers and resuming never change.

    With one learning rate for all it is the weights in the order of the network; otherwise one group for each group of
    layers, from the head on, with its ``name`` and its ``lr_scale``.
    """
    weights = dict(model.named_parameters())
    if finetune.layer_decay == 1:
        return list(weights.values())
    groups: Groups = model.layer_groups()
    scales = scale_learning_rates(list(groups), finetune.layer_decay)
    return [
        {"params": [weights[name] for name in tensors if name in weights], "name": group, "lr_scale": scales[group]}
        for group, tensors in groups.items()
    ]


def scale_optimizer(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Multiply each group's learning rate by its ``lr_scale``, before a scheduler takes it for the first one."""
    for group in optimizer.param_groups:
        group["lr"] *= group.get("lr_scale", 1.0)
    return optimizer
