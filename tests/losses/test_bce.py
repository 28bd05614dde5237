"""Binary cross-entropy over known labels."""

import math

import torch
import torch.nn.functional as F

from cxr_xai.losses.bce import BCE, bce


def test_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3), math.log(3)]])  # probabilities 1/2, 3/4, 3/4
    loss = bce(logits, torch.tensor([[1.0, 1.0, 0.0]]))
    torch.testing.assert_close(loss, torch.tensor([[math.log(2), math.log(4 / 3), math.log(4)]]))


def test_positives_weigh() -> None:
    logits = torch.zeros(2, 2)
    loss = bce(logits, torch.eye(2), pos_weight=torch.tensor([3.0, 5.0]))
    torch.testing.assert_close(loss, math.log(2) * torch.tensor([[3.0, 1], [1, 5]]))


def test_equals_torch_without_unknown_labels() -> None:
    logits, target = torch.randn(6, 14), (torch.rand(6, 14) < 0.5).float()
    torch.testing.assert_close(BCE()(logits, target), F.binary_cross_entropy_with_logits(logits, target))
