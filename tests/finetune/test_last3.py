"""The final three layers, by the names of the project's networks."""

import pytest
import timm
import torch

from cxr_xai.finetune.last3 import Last3
from cxr_xai.models.layer_groups import find_layer_groups


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet50", ("head", "layer4", "layer3")),
        ("resnet101", ("head", "layer4", "layer3")),
        ("resnet10t", ("head", "layer4", "layer3")),
        ("densenet121", ("head", "denseblock4+norm5", "denseblock3+transition3")),
    ],
)
def test_the_final_three_groups_of_each_backbone(name: str, expected: tuple[str, ...]) -> None:
    with torch.device("meta"):
        groups = ["head", *find_layer_groups(timm.create_model(name, num_classes=0, global_pool=""))]
    assert [Last3().trains(groups, epoch) for epoch in (0, 9)] == [expected] * 2
