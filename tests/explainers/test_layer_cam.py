"""Worked out by hand; the library is compared with in `test_library_cam.py`."""

import torch
from torch import Tensor, nn

from cxr_xai.explainers.layer_cam import LayerCam


def test_by_hand(pixel_sum: nn.Module, pixels_1234: Tensor) -> None:
    # gradients / 4 pixels: (1, 0) and (1/4, 5/4) on the channels (x, -x); all are positive and stay
    out = LayerCam().explain(pixel_sum, pixels_1234)
    assert out.attribution.tolist() == [[[[1, 2], [3, 4]], [[-1, -2], [-3, -4]]]]


def test_evidence_against_is_left_out(pixel_sum: nn.Module, pixels_1234: Tensor) -> None:
    with torch.no_grad():
        pixel_sum.head.weight[1] = torch.tensor([-4.0, -4.0])
    out = LayerCam().explain(pixel_sum, pixels_1234, [1])
    assert out.attribution.tolist() == [[[[0, 0], [0, 0]]]]
