"""Trunk, global average pooling, dropout, one linear layer: the head under which class activation maps are exact."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.models.backbones import Backbone, build_backbone, find_stages
from cxr_xai.models.layer_groups import find_layer_groups

HEAD = "head"


class Classifier(nn.Module):
    """Logits of the 14 findings from gray films in [0, 1].

    Args:
        backbone: the trunk and its normalization.
        dropout: on the pooled features.
        findings: number of logits.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, dropout: float = 0.5, findings: int = len(FINDINGS)) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise UserError(f"model.dropout is {dropout}; it must be at least 0 and below 1.")
        self.trunk = backbone.trunk
        self.channels_in = backbone.channels_in
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, -1, 1, 1), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(backbone.channels_out, findings)

    @torch.no_grad()
    def start_at(self, prevalence: Tensor) -> None:
        """Set the bias to the log odds of the training part's ``(K,)`` prevalence.

        The network then need not learn base rates through negative weights, under which a class activation map has no
        positive evidence anywhere. Source: Lin et al. 2017 (https://arxiv.org/abs/1708.02002), section 4.1.
        """
        self.head.bias.copy_(torch.logit(prevalence.clamp(1e-4, 1 - 1e-4)))

    def features(self, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` film in [0, 1] → ``(N, C, h, w)`` last feature map, normalized as the backbone wants it."""
        features: Tensor = self.trunk((image.expand(-1, self.channels_in, -1, -1) - self.mean) / self.std)
        return features

    def classify(self, features: Tensor) -> Tensor:
        """``(N, C, h, w)`` feature map → ``(N, K)`` logits, in the precision of the head's weights under autocast too.

        Of 8 bits, which bfloat16 keeps, many studies would have the same logit, and ranks would be lost.
        """
        with torch.autocast(features.device.type, enabled=False):
            pooled = features.to(self.head.weight.dtype).mean(dim=(2, 3))
            logits: Tensor = self.head(self.dropout(pooled))
            return logits

    def stages(self) -> list[nn.Module]:
        """Return the modules whose outputs are the feature maps of the trunk's stages, from the film to the logits.

        The last is the trunk itself, whose output `classify` takes. None of them is a layer within a block, whose
        output a later in-place layer (``bn3`` of a ResNet's block) overwrites before it is read.

        >>> len(build_classifier("resnet10t").stages())
        5
        """
        return find_stages(self.trunk)

    def layer_groups(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the weights and buffers of each group of layers, from the head to the stem.

        >>> list(build_classifier("resnet10t").layer_groups())
        ['head', 'layer4', 'layer3', 'layer2', 'layer1', 'stem']
        """
        groups = {HEAD: tuple(f"{HEAD}.{name}" for name, _ in self.head.named_parameters())}
        for name, tensors in find_layer_groups(self.trunk).items():
            # Few trunks have convolutions that are called head, too.
            groups[f"trunk.{name}" if name == HEAD else name] = tuple(f"trunk.{tensor}" for tensor in tensors)
        return groups

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` film in [0, 1] → ``(N, K)`` logits."""
        return self.classify(self.features(image))


def compile_trunk(model: nn.Module) -> None:
    """Compile the trunk of a classifier, in place: names of weights stay, and so does what ``model.trunk`` is.

    Whoever calls ``features`` has the compiled code, one for each size of batch. Copies of the model, and explainers,
    who borrow it, run what is written.
    """
    trunk = model.trunk
    assert isinstance(trunk, nn.Module)
    trunk.compile(dynamic=False)  # an epoch has two sizes of batch; code for any size is slower


def build_classifier(
    backbone: str,
    weights: str = "none",
    dropout: float = 0.5,
    in_chans: int = 3,
    options: Mapping[str, Any] | None = None,
) -> Classifier:
    """Build a classifier around any timm trunk.

    Args:
        backbone: timm name.
        weights: ``imagenet``, ``none`` or a file.
        dropout: on the pooled features.
        in_chans: channels the trunk sees.
        options: further arguments of the timm model.

    >>> build_classifier("resnet10t")(torch.zeros(2, 1, 64, 64)).shape
    torch.Size([2, 14])
    """
    model = Classifier(build_backbone(backbone, weights, in_chans, options or {}), dropout)
    # Convolutions run faster with channels last, on CPUs and GPUs alike; results are the same to rounding.
    return model.to(memory_format=torch.channels_last)
