"""The control that has learned nothing: the exact map of a copy of the network with fresh weights.

What such a map finds, the architecture finds by itself. Source: Adebayo et al., Sanity Checks for Saliency Maps,
NeurIPS 2018 (https://arxiv.org/abs/1810.03292). Its running statistics are reset, too: with the trained ones a network
is not untrained, and maps collapse to one place.
"""

import copy
import hashlib
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from cxr_xai.explainers.contract import HOOKS, bare, borrow
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.types import Explanation

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)

_COPIES: WeakKeyDictionary[nn.Module, dict[int, nn.Module]] = WeakKeyDictionary()
"""Model → seed → copy, as long as the model lives; outside of the explainer, so that it can be sent to processes."""


@torch.no_grad()
def untrain(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give a network fresh weights in place, and return it.

    Normalization layers begin anew (weights 1, biases and running means 0, running variances 1), other biases are 0,
    other weights are drawn as He et al. 2015 (https://arxiv.org/abs/1502.01852) draw them. A weight's draw hangs on the
    seed and its name alone: neither on random states nor on device and memory format.

    Args:
        model: any module; it is changed.
        seed: of the draws.
    """
    for prefix, module in model.named_modules():
        if isinstance(module, NORMS):
            module.reset_parameters()
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.ndim < 2:
                parameter.zero_()
                continue
            path = f"{prefix}.{name}".replace("_orig_mod.", "")  # a compiled part draws what it draws without
            digest = hashlib.sha256(f"{seed} {path}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
            drawn = nn.init.kaiming_normal_(torch.empty(parameter.shape), nonlinearity="relu", generator=generator)
            parameter.copy_(drawn)
    return model


class Untrained:
    """Exact maps of an untrained copy, which is made once for each model; logits are the model's own.

    Features of fresh weights differ little from place to place, so a map has the sign of its logit almost everywhere:
    7 to 56 % of the maps of 14 findings of real films were dead, by backbone and seed. Read the line of live maps, too.

    Args:
        seed: of the fresh weights.
    """

    name = "untrained"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._exact = ExactCam()

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` maps of the copy, ``(N, K)`` logits of the model."""
        with borrow(model) as lent:
            logits = lent(image.float())
            maps = self._exact.explain(self._copy(model, lent, image.device), image, findings).attribution
            return Explanation(maps, logits)

    def _copy(self, model: nn.Module, lent: nn.Module, device: torch.device) -> nn.Module:
        """Return the copy for a model; call it while the model is borrowed, since its hooks must not be copied."""
        copies = _COPIES.setdefault(bare(model), {})
        if self.seed not in copies:
            for module in lent.modules():
                for hooks in HOOKS:
                    getattr(module, hooks).clear()
            copies[self.seed] = untrain(copy.deepcopy(lent), self.seed).requires_grad_(False)
        return copies[self.seed].to(device)
