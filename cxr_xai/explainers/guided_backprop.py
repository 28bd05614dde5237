"""Guided backpropagation: gradients that flow through positive activations only, and only where they are positive.

Source: Springenberg et al., Striving for Simplicity: The All Convolutional Net, ICLR 2015 workshop
(https://arxiv.org/abs/1412.6806). It shows structure well and depends little on the upper layers: Adebayo et al.,
Sanity Checks for Saliency Maps, NeurIPS 2018 (https://arxiv.org/abs/1810.03292). Read it beside its controls.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.explainers.input_gradients import input_gradients
from cxr_xai.types import Explanation

RELUS = {F.relu, torch.relu, Tensor.relu}
RELUS_IN_PLACE = {torch.relu_, Tensor.relu_}


class _GuidedReLU(torch.autograd.Function):
    """Keeps where the input was positive, not the output, so that later in-place layers cannot spoil it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, in_place: bool) -> Tensor:
        ctx.save_for_backward(x > 0)
        if in_place:
            ctx.mark_dirty(x)
            return x.relu_()
        return x.relu()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (positive,) = ctx.saved_tensors
        return grads[0].clamp(min=0) * positive, None


class GuidedReLUs(TorchFunctionMode):
    """Within it every ReLU, module or function, in place or not, goes back by the guided rule.

    The model itself is not touched, so there is nothing to undo.

    >>> x = torch.tensor([-1.0, 1.0, 1.0], requires_grad=True)
    >>> with GuidedReLUs():
    ...     out = nn.ReLU()(x) * torch.tensor([1.0, 2.0, -3.0])
    >>> torch.autograd.grad(out.sum(), x)[0].tolist()
    [0.0, 2.0, 0.0]
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in RELUS or func in RELUS_IN_PLACE:
            inputs = [*args, *kwargs.values()]
            in_place = func in RELUS_IN_PLACE or bool(kwargs.get("inplace", args[1] if len(args) > 1 else False))
            return _GuidedReLU.apply(inputs[0], in_place)
        return func(*args, **kwargs)


class GuidedBackprop:
    """One forward pass for all findings, one backward pass each; other activations than ReLU keep their gradient."""

    name = "guided_backprop"

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` guided gradients per unit of gray level."""
        with borrow(model, gradients=True) as lent:
            films = fresh(image).requires_grad_()
            with GuidedReLUs():
                logits = lent(films)
            columns = choose_findings(findings, logits.shape[1])
            return Explanation(input_gradients(logits, films, columns), logits.detach())
