"""What every explainer promises, and how it borrows the model."""

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cxr_xai.errors import UserError
from cxr_xai.types import Explanation


class Explainer(Protocol):
    """A member of the ``explainer`` group.

    The model is lent: its modes, gradients, buffers, hooks and all random states are afterwards as before, also when
    explaining fails. Maps do not depend on who else is in the batch, on the contexts around the call (``no_grad``,
    ``inference_mode``, autocast) or on how the model is wrapped (compiled, DDP); what is drawn by lot is drawn from a
    seed of the explainer's own. A class that knows nothing of what the network saw in the film for the finding says so
    by ``control = True``.
    """

    name: str

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → maps of the findings asked for (columns, in their order); None means all.

        An empty list or a column that there is not is refused (`choose_findings`).

        What can be shared between findings is computed once.
        """
        ...


HOOKS = tuple(name for name in vars(nn.Module()) if "hooks" in name)
"""The dictionaries of hooks that a module has, one for each kind."""


@contextmanager
def borrow(model: nn.Module, gradients: bool = False) -> Iterator[Any]:
    """Lend the bare model in evaluation mode and full precision, and take it back as it was, also when the body raises.

    Inside, random states may be moved, hooks left, buffers overwritten, modules given other attributes, children or
    forward methods (guided ReLUs, out-of-place layers), and gradients written; nothing of it stays. Weights alone must
    not be changed in place: copy the model for that. Wrappers (DDP, compiled) are taken off; a model in half precision
    is copied.

    No weight requires a gradient inside: differentiate with respect to the film or to a feature map. A frozen backbone
    is then no special case, and no backward pass can wake DDP's reducer.

    Args:
        model: any module, wrapped or not.
        gradients: True for methods that differentiate: the graph is recorded even under ``no_grad`` and
            ``inference_mode`` (tensors made outside must be copied: `fresh`).

    Yields:
        The module to call.
    """
    modules, parameters, buffers = _contents(lent := bare(model))
    if any(tensor.dtype != torch.float32 for tensor in (*parameters, *buffers) if tensor.is_floating_point()):
        lent = copy.deepcopy(lent).float()
        modules, parameters, buffers = _contents(lent)
    belongings = [_belongings(module) for module in modules]
    values = [(buffer, buffer.clone(), _version(buffer)) for buffer in buffers]
    grads = [(parameter.grad, parameter.requires_grad) for parameter in parameters]
    device = parameters[0].device.type if parameters else "cpu"
    with forked_random_states(), ExitStack() as around:
        try:
            for module in modules:
                vars(module).update(training=False, _compiled_call_impl=None)  # past a slow __setattr__
            for parameter in parameters:
                parameter.grad = None
                parameter.requires_grad_(False)
            around.enter_context(torch.inference_mode(False))
            for kind in {device, "cpu"}:
                around.enter_context(torch.autocast(kind, enabled=False))
            around.enter_context(torch.set_grad_enabled(gradients))
            if any("_orig_mod" in module._modules for module in modules):  # a compiled part of the model
                around.enter_context(torch.compiler.set_stance("force_eager"))
            yield lent
        finally:
            for module, kept in zip(modules, belongings, strict=True):
                _give_back(module, kept)
            for buffer, value, version in values:
                _restore(buffer, value, version)
            for parameter, (grad, requires) in zip(parameters, grads, strict=True):
                parameter.grad = grad
                parameter.requires_grad_(requires)


def _contents(model: nn.Module) -> tuple[list[nn.Module], list[nn.Parameter], list[Tensor]]:
    """Return all modules, parameters and buffers, each once, in one walk."""
    modules = list(model.modules())
    parameters = {id(p): p for module in modules for p in module._parameters.values() if p is not None}
    buffers = {id(b): b for module in modules for b in module._buffers.values() if b is not None}
    return modules, list(parameters.values()), list(buffers.values())


EMPTY: dict[str, Any] = {}


def _belongings(module: nn.Module) -> dict[str, Any]:
    """Return a module's attributes: mode, compiled call, forward; and copies of its hooks, buffers and children."""
    attributes = vars(module).copy()
    for name, value in vars(module).items():
        if isinstance(value, dict):
            attributes[name] = dict(value) if value else EMPTY
    return attributes


def _give_back(module: nn.Module, kept: dict[str, Any]) -> None:
    """Put attributes back; dictionaries keep their identity, because handles of hooks point at them."""
    here = vars(module)
    for name in here.keys() - kept.keys():
        del here[name]
    for name, before in kept.items():
        now = here.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            if now or before:
                now.clear()
                now.update(before)
        else:
            here[name] = before


def _version(tensor: Tensor) -> int:
    """Return how often a tensor was written to; tensors made under ``inference_mode`` do not count."""
    return -1 if tensor.is_inference() else tensor._version


def _restore(buffer: Tensor, value: Tensor, version: int) -> None:
    if version < 0 or buffer._version != version:
        with torch.inference_mode(buffer.is_inference()), torch.no_grad():
            buffer.copy_(value)


def bare(model: nn.Module) -> nn.Module:
    """Return the module inside DDP and ``torch.compile``."""
    while True:
        if isinstance(model, DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def fresh(image: Tensor) -> Tensor:
    """Return a float32 copy that may be differentiated; call it inside `borrow`, where tensors are ordinary ones."""
    return image.detach().clone().float()


def choose_findings(findings: Sequence[int] | None, count: int) -> list[int]:
    """Return the columns asked for; None means all ``count``.

    Raises:
        UserError: none was asked for, or one that the network does not know.

    >>> choose_findings(None, 3), choose_findings([2, 0], 3)
    ([0, 1, 2], [2, 0])
    """
    if findings is None:
        return list(range(count))
    if not findings:
        raise UserError("findings is empty: name columns to explain, or None for all.")
    if wrong := [k for k in findings if not 0 <= k < count]:
        raise UserError(f"findings={list(findings)}: this network has columns 0 to {count - 1}, not {wrong[0]}.")
    return list(findings)


@contextmanager
def forked_random_states() -> Iterator[None]:
    """Give Python, NumPy and torch (with its devices) their random states back."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
