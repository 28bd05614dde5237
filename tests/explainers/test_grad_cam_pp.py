"""Worked out by hand; the library is compared with in `test_library_cam.py`."""

import torch
from torch import Tensor, nn

from cxr_xai.explainers.grad_cam_pp import GradCamPP


def test_by_hand(pixel_sum: nn.Module, pixels_1234: Tensor) -> None:
    out = GradCamPP().explain(pixel_sum, pixels_1234, [0])
    # channel x: g = 1 on all four pixels, their sum is 10: alpha = 1 / (2 + 10); channel -x: g = 0
    expected = 4 / 12 * pixels_1234
    torch.testing.assert_close(out.attribution, expected, atol=1e-6, rtol=1e-5)


def test_evidence_against_is_left_out(pixel_sum: nn.Module, pixels_1234: Tensor) -> None:
    with torch.no_grad():
        pixel_sum.head.weight[1] = torch.tensor([-4.0, -4.0])
    out = GradCamPP().explain(pixel_sum, pixels_1234, [1])
    assert out.attribution.tolist() == [[[[0, 0], [0, 0]]]]
