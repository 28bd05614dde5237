"""Groups of layers: every weight in exactly one, in the order of unfreezing, under names that people know."""

from itertools import pairwise
from typing import Any

import pytest
import timm
import torch
from torch import nn

from cxr_xai.models.classifier import build_classifier
from cxr_xai.models.layer_groups import find_layer_groups

RESNET = ["layer4", "layer3", "layer2", "layer1", "stem"]
DENSENET = ["denseblock4+norm5", *(f"denseblock{n}+transition{n}" for n in (3, 2, 1)), "stem"]
GROUPS = {
    "resnet10t": RESNET,
    "resnet50": RESNET,
    "resnet101": RESNET,
    "densenet121": DENSENET,
    "convnext_atto": ["stages.3+head.norm", "stages.2", "stages.1", "stages.0", "stem"],
    "regnetx_002": ["s4", "s3", "s2", "s1", "stem"],
    "lcnet_050": ["conv_head", *(f"blocks.{n}" for n in range(5, -1, -1)), "stem"],
    "vgg11_bn": [
        "pre_logits",
        *(f"features.{n}+features.{n + 1}" for n in (25, 22, 18, 15, 11, 8, 4)),
        "stem",
    ],
}


def make_trunk(name: str) -> nn.Module:
    with torch.device("meta"):  # names and shapes without memory
        trunk: nn.Module = timm.create_model(name, num_classes=0, global_pool="")
    return trunk


@pytest.mark.parametrize("name", GROUPS)
def test_groups_have_the_names_of_stages_from_the_last_to_the_stem(name: str) -> None:
    assert list(find_layer_groups(make_trunk(name))) == GROUPS[name]


@pytest.mark.parametrize("name", [*GROUPS, "hrnet_w18_small", "dla34", "selecsls42", "inception_v4", "resnetv2_50"])
def test_every_weight_and_buffer_is_in_exactly_one_group(name: str) -> None:
    trunk = make_trunk(name)
    tensors = [name for group in find_layer_groups(trunk).values() for name in group]
    assert sorted(tensors) == sorted([name for name, _ in [*trunk.named_parameters(), *trunk.named_buffers()]])


@pytest.mark.parametrize("name", ["resnet50", "densenet121"])
def test_groups_follow_each_other_as_the_film_passes_them(name: str) -> None:
    """Weights were registered in that order, but for DenseNet's first and last normalizations."""
    trunk = make_trunk(name)
    order = {name: number for number, (name, _) in enumerate(trunk.named_parameters())}
    spans = [[order[t] for t in group if t in order] for group in reversed(find_layer_groups(trunk).values())]
    assert all(max(one) < min(two) for one, two in pairwise(spans))


def test_statistics_go_with_their_normalization() -> None:
    groups = find_layer_groups(make_trunk("densenet121"))
    assert {"features.norm5.weight", "features.norm5.running_mean"} <= set(groups["denseblock4+norm5"])
    assert {"features.transition3.norm.bias", "features.transition3.norm.running_var"} <= set(
        groups["denseblock3+transition3"]
    )
    assert groups["stem"][0] == "features.conv0.weight"


class Plain(nn.Module):
    """A network that timm knows nothing of: children in order, a weight of its own, statistics without weights."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(2, 2))
        self.first = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.second = nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2, affine=False))


def test_a_network_without_known_stages_is_divided_by_its_children() -> None:
    groups = find_layer_groups(Plain())
    assert list(groups) == ["second", "stem"]
    assert set(groups["second"]) == {"second.0.weight", "second.0.bias"} | {
        f"second.1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert {"gain", "first.weight", "norm.weight", "norm.running_var"} <= set(groups["stem"])


@pytest.mark.parametrize("name", ["resnet10t", "selecsls42"])
def test_the_head_of_the_classifier_comes_first_and_is_one_of_a_kind(name: str) -> None:
    model: Any = build_classifier(name)
    groups = model.layer_groups()
    assert groups["head"] == ("head.weight", "head.bias")
    assert next(iter(groups)) == "head"
    assert ("trunk.head" in groups) == (name == "selecsls42")
    inside = [tensor for group in groups.values() for tensor in group]
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    assert sorted(inside) == sorted(tensors.keys() - {"mean", "std"}), "all but what the film is normalized by"
