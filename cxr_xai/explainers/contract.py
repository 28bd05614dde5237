"""What every explainer promises, and how it borrows the model."""

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cxr_xai.types import Explanation


class Explainer(Protocol):
    """A member of the ``explainer`` group.

    The model is lent: its modes, gradients, buffers, hooks and all random states are afterwards as before, also when
    explaining fails. Maps do not depend on who else is in the batch, on the contexts around the call (``no_grad``,
    ``inference_mode``, autocast) or on how the model is wrapped (compiled, DDP); what is drawn by lot is drawn from a
    seed of the explainer's own.
    """

    name: str

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → maps of the findings asked for (columns, in their order); None means all.

        What can be shared between findings is computed once.
        """
        ...


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@contextmanager
def borrow(model: nn.Module, gradients: bool = False) -> Iterator[Any]:
    """Lend the bare model in evaluation mode and full precision, and take it back as it was, also when the body raises.

    Inside, random states may be moved, hooks left and gradients written; nothing of it stays. Wrappers (DDP, compiled)
    are taken off; a model in half precision is copied.

    Args:
        model: any module, wrapped or not.
        gradients: True for methods that differentiate: the graph is recorded even under ``no_grad`` and
            ``inference_mode`` (tensors made outside must be copied: `fresh`).

    Yields:
        The module to call.
    """
    lent = in_full_precision(bare(model))
    modules, parameters = list(lent.modules()), list(lent.parameters())
    modes = [module.training for module in modules]
    compiled = [module._compiled_call_impl for module in modules]
    hooks = [[(name, getattr(module, name).copy()) for name in HOOKS] for module in modules]
    grads = [(parameter.grad, parameter.requires_grad) for parameter in parameters]
    with forked_random_states():
        try:
            _lay_bare(modules, parameters)
            device = parameters[0].device.type if parameters else "cpu"
            with torch.inference_mode(False), torch.autocast(device, enabled=False):  # noqa: SIM117 (in this order)
                with torch.set_grad_enabled(gradients):
                    yield lent
        finally:
            for module, training, call, kept in zip(modules, modes, compiled, hooks, strict=True):
                module.training, module._compiled_call_impl = training, call
                for name, before in kept:
                    here = getattr(module, name)
                    here.clear()
                    here.update(before)
            for parameter, (grad, requires) in zip(parameters, grads, strict=True):
                parameter.grad = grad
                parameter.requires_grad_(requires)


def _lay_bare(modules: list[nn.Module], parameters: list[nn.Parameter]) -> None:
    for module in modules:
        module.training, module._compiled_call_impl = False, None
    for parameter in parameters:
        parameter.grad = None


def bare(model: nn.Module) -> nn.Module:
    """Return the module inside DDP and ``torch.compile``."""
    while True:
        if isinstance(model, DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def in_full_precision(model: nn.Module) -> nn.Module:
    """Return the model, or a float32 copy of one whose weights are not."""
    kept = [*model.parameters(), *model.buffers()]
    if all(tensor.dtype == torch.float32 for tensor in kept if tensor.is_floating_point()):
        return model
    return copy.deepcopy(model).float()


def fresh(image: Tensor) -> Tensor:
    """Return a float32 copy that may be differentiated; call it inside `borrow`, where tensors are ordinary ones."""
    return image.detach().clone().float()


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
