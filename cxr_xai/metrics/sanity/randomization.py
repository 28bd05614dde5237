"""Do maps change when what the network learned is taken from it?

A method whose maps survive the loss of all weights shows the film, or itself, but not the network.

Source: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018 (https://arxiv.org/abs/1810.03292).
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from cxr_xai.errors import UserError

Stage = tuple[str, nn.Module]
"""A name, and a part of the network; a list of them goes from the head down to the input."""


def randomize(module: nn.Module, seed: int) -> None:
    """Draw every parameter of a module anew, in place, and forget what normalization layers have seen.

    Layers that know their own initialization (``reset_parameters``) use it: weights are drawn, BatchNorm goes back to
    scale 1, shift 0, running mean 0 and running variance 1. Without the last a network keeps the statistics of what it
    learned. A parameter that no layer can reset is drawn from a normal distribution of its own mean and deviation.

    Args:
        module: is changed.
        seed: of the draws; the random state outside is left as it was.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        seen: set[nn.Parameter] = set()
        for part in module.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
                seen.update(part.parameters(recurse=False))
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter not in seen:
                    spread = parameter.std() if parameter.numel() > 1 else parameter.abs().mean()
                    parameter.copy_(torch.randn_like(parameter) * spread + parameter.mean())


def cascade(model: nn.Module, stages: Sequence[Stage], seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Yield copies of the model of which the first stage is random, then the first two, down to the last.

    Args:
        model: is left as it is.
        stages: from the head downwards.
        seed: a stage draws the same in every copy, and in `independent`.

    Yields:
        the stage reached, and one copy that the next step changes further.

    Raises:
        UserError: a stage is no part of the model.
    """
    names = place_stages(model, stages)
    lesioned = copy.deepcopy(model)
    for number, (name, _) in enumerate(stages):
        randomize(lesioned.get_submodule(names[number]), seed * 1000 + number)
        yield name, lesioned


def independent(model: nn.Module, stages: Sequence[Stage], seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Yield copies of the model of which one stage alone is random.

    Args:
        model: is left as it is.
        stages: in any order.
        seed: as in `cascade`.

    Raises:
        UserError: a stage is no part of the model.
    """
    names = place_stages(model, stages)
    for number, (name, _) in enumerate(stages):
        lesioned = copy.deepcopy(model)
        randomize(lesioned.get_submodule(names[number]), seed * 1000 + number)
        yield name, lesioned


def place_stages(model: nn.Module, stages: Sequence[Stage]) -> list[str]:
    """Return the dotted name of every stage in the model.

    Raises:
        UserError: a stage is no part of the model, or has nothing to randomize.
    """
    places = {id(module): name for name, module in model.named_modules()}
    for name, module in stages:
        if id(module) not in places:
            raise UserError(f"stage {name!r} is no part of the model; take stages from the very model that is tested.")
        if not any(True for _ in module.parameters()):
            raise UserError(f"stage {name!r} has no parameters to randomize; leave it out.")
    return [places[id(module)] for _, module in stages]
