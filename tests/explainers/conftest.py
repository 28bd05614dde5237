"""A small model for members whose answer does not hang on what it has learned."""

import pytest
import torch
from torch import nn

from cxr_xai.models.classifier import build_classifier


@pytest.fixture(scope="session")
def small_model() -> nn.Module:
    torch.manual_seed(0)
    return build_classifier("resnet10t", in_chans=1)
