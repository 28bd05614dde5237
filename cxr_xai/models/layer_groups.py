"""Named groups of a trunk's layers: what is frozen and unfrozen as one."""

from itertools import takewhile
from typing import Any

from timm.models import group_parameters
from torch import nn

STEM = "stem"


def find_layer_groups(trunk: nn.Module) -> dict[str, tuple[str, ...]]:
    """Return the names of the weights and buffers of each group, from the last stage of a trunk to its stem.

    The groups are the stages that timm knows of its networks (`group_matcher`), and a network's own children where it
    knows none. A normalization alone is no group: it goes with the layers before it (``norm5`` of a DenseNet with its
    last block). The first group is called ``stem``, the others after the modules in them. Every weight and buffer is in
    exactly one group.

    >>> import timm
    >>> list(find_layer_groups(timm.create_model("resnet10t", num_classes=0, global_pool="")))
    ['layer4', 'layer3', 'layer2', 'layer1', 'stem']
    """
    weights = dict(trunk.named_parameters())
    groups: list[list[str]] = []
    for names in group_parameters(trunk, choose_matcher(trunk)).values():
        if groups and all(weights[name].dim() < 2 for name in names):
            groups[-1] += names
        else:
            groups.append(list(names))
    named = [STEM, *name_groups(groups)[1:]]
    add_buffers(trunk, groups)
    return {name: tuple(group) for name, group in reversed(list(zip(named, groups, strict=True)))}


def choose_matcher(trunk: Any) -> Any:
    """Return what timm divides the weights of a trunk by, or a division by the trunk's children, in their order."""
    try:
        return trunk.group_matcher(coarse=True)
    except (AttributeError, NotImplementedError):
        order = {name: number for number, (name, _) in enumerate(trunk.named_children())}
        return lambda name: order.get(name.partition(".")[0], 0)  # a weight of the trunk itself begins with the first


def add_buffers(trunk: nn.Module, groups: list[list[str]]) -> None:
    """Put each buffer into the group of its module's weights, or of those around it where it has none."""
    home: dict[str, list[str]] = {"": groups[0]}
    for group in groups:
        for name in group:
            while name := name.rpartition(".")[0]:
                home.setdefault(name, group)
    for buffer, _ in trunk.named_buffers():
        place = buffer.rpartition(".")[0]
        while place not in home:
            place = place.rpartition(".")[0]
        home[place].append(buffer)


def name_groups(groups: list[list[str]]) -> list[str]:
    """Name each group after the modules in it, as shortly as tells it from the others.

    >>> name_groups([["features.conv0.weight"], ["features.block1.a.weight", "features.block1.b.weight"]])
    ['conv0', 'block1']
    >>> name_groups([["conv1.weight", "bn1.weight"], ["blocks.0.conv.weight"], ["blocks.1.conv.weight"]])
    ['conv1+bn1', 'blocks.0', 'blocks.1']
    """
    paths = [[name.split(".")[:-1] or [name] for name in group] for group in groups]
    heads = zip(*(path for group in paths for path in group), strict=False)
    shared = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, heads))
    longest = max(len(path) for group in paths for path in group)

    def labels(group: int, depth: int) -> dict[str, None]:
        return dict.fromkeys(".".join(path[shared : shared + depth]) for path in paths[group])

    def is_own(group: int, depth: int) -> bool:
        others = (labels(other, depth) for other in range(len(groups)) if other != group)
        return all(labels(group, depth).keys().isdisjoint(other) for other in others)

    depths = [next(depth for depth in range(1, longest + 1) if is_own(group, depth)) for group in range(len(groups))]
    return ["+".join(labels(group, depth)) for group, depth in enumerate(depths)]
