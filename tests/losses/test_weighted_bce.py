"""Cross-entropy with weighted positives."""

import torch
import torch.nn.functional as F

from cxr_xai.losses.bce import BCE
from cxr_xai.losses.weighted_bce import WeightedBCE


def test_equals_torch() -> None:
    logits, target, weight = torch.randn(6, 14), (torch.rand(6, 14) < 0.5).float(), torch.rand(14) * 9
    reference = F.binary_cross_entropy_with_logits(logits, target, pos_weight=weight)
    torch.testing.assert_close(WeightedBCE(weight)(logits, target), reference)


def test_weights_of_one_are_no_weights() -> None:
    logits, target = torch.randn(6, 14), (torch.rand(6, 14) < 0.5).float()
    torch.testing.assert_close(WeightedBCE(torch.ones(14))(logits, target), BCE()(logits, target))


def test_the_weights_travel_with_the_module_and_do_not_train() -> None:
    loss = WeightedBCE(torch.arange(14.0))
    assert list(loss.parameters()) == []
    assert loss.state_dict()["pos_weight"].tolist() == list(range(14))
    assert loss.to(torch.float64).pos_weight.dtype == torch.float64
