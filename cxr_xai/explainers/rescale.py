"""The rescale rule: a network whose backward pass carries multipliers from one background film to another film.

Linear layers keep their gradients. An element-wise activation ``a`` gets ``(a(x) − a(b)) / (x − b)``, and a maximum
over a window divides its change between the places where the two maxima lie. The multipliers at the input, times
``x − b``, then add up to ``f(x) − f(b)`` exactly, unless the network has a nonlinearity that is not a module here, or
multiplies two inner values. Source: Shrikumar et al., Learning important features through propagating activation
differences, ICML 2017 (https://arxiv.org/abs/1704.02685); for the maximum, Lundberg & Lee, NeurIPS 2017
(https://arxiv.org/abs/1705.07874).
"""

import copy
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cxr_xai.explainers.contract import HOOKS, bare

ELEMENTWISE = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid),
    *(nn.Tanh, nn.Softplus, nn.Softsign, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.LogSigmoid),
)
POOLS = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)
NEAR = 1e-6
"""Below this difference of inputs the multiplier is the gradient, as in shap."""


class Tape:
    """What the activations of one film were given, in the order of their calls."""

    def __init__(self) -> None:
        self.recorded: list[Tensor] = []
        self.position: int | None = None

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note inputs from now on, those of an earlier film forgotten."""
        self.recorded, self.position = [], None
        yield
        self.position = 0

    def next(self) -> Tensor:
        """Return the input of the next activation."""
        assert self.position is not None
        self.position = self.position % len(self.recorded) + 1
        return self.recorded[self.position - 1]


class Rescaled(nn.Module):
    """An activation or pool that is recorded for the film and carries multipliers for the background."""

    def __init__(self, rule: type[torch.autograd.Function], wrapped: nn.Module, tape: Tape) -> None:
        super().__init__()
        self.rule, self.wrapped, self.tape = rule, wrapped, tape

    def forward(self, value: Tensor) -> Tensor:
        """``(B, …)`` → what the wrapped module makes of it."""
        out: Tensor
        if self.tape.position is None:
            self.tape.recorded.append(value.clone())  # the next layer may write into it
            out = self.wrapped(value)
        else:
            out = self.rule.apply(value, self.tape.next(), self.wrapped)
        return out


class Elementwise(torch.autograd.Function):
    """``(a(x) − a(b)) / (x − b)`` in place of the derivative."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, film: Tensor, activation: nn.Module) -> Tensor:
        """``(B, …)`` of the background, ``(1, …)`` of the film."""
        with torch.enable_grad():
            inner = value.detach().requires_grad_()
            out: Tensor = activation(inner)
            slope = torch.autograd.grad(out.sum(), inner)[0]
        out = out.detach()
        apart = film - value
        multiplier = torch.where(apart.abs() < NEAR, slope, (activation(film) - out) / apart)
        ctx.save_for_backward(multiplier)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """Carry the multipliers on."""
        return grads[0] * ctx.saved_tensors[0], None, None


class Maximum(torch.autograd.Function):
    """Divides the change of a maximum: up to the larger one to the film's place, the rest to the background's.

    Windows that overlap add up; a place may be the maximum of several.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, film: Tensor, pool: nn.Module) -> Tensor:
        """``(B, …)`` of the background, ``(1, …)`` of the film."""
        out: Tensor = pool(value)
        there: Tensor = pool(film)
        larger = torch.maximum(there, out)
        ctx.pool = pool
        ctx.save_for_backward(value, film, larger - out, there - larger)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """Credit the places of the maxima."""
        value, film, rise, fall = ctx.saved_tensors
        credit = torch.zeros_like(value)
        for source, change in ((film.expand_as(value), rise), (value, fall)):
            with torch.enable_grad():
                inner = source.detach().clone().requires_grad_()
                credit += torch.autograd.grad(ctx.pool(inner), inner, grads[0] * change)[0]
        apart = film - value
        near = apart.abs() < NEAR / 10
        return torch.where(near, torch.zeros_like(apart), credit / torch.where(near, 1, apart)), None, None


def rescaled(module: nn.Module, tape: Tape) -> nn.Module:
    """Return a twin of a network under the rescale rule; it shares weights and buffers, and has hooks of nobody."""
    return _twin(module, tape, {})


def _twin(module: nn.Module, tape: Tape, made: dict[int, nn.Module]) -> nn.Module:
    module = bare(module)  # a compiled part
    if id(module) in made:  # a module that is called in several places
        return made[id(module)]
    twin = copy.copy(module)
    twin.__dict__ = dict(module.__dict__)
    for name in HOOKS:
        setattr(twin, name, OrderedDict())
    rule = Elementwise if isinstance(module, ELEMENTWISE) else Maximum if isinstance(module, POOLS) else None
    if rule is not None:
        twin.__dict__["inplace"] = False
        twin = Rescaled(rule, twin, tape).eval()
    else:
        twin._modules = OrderedDict(
            (name, None if child is None else _twin(child, tape, made)) for name, child in module._modules.items()
        )
    made[id(module)] = twin
    return twin
