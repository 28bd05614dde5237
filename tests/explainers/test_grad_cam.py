"""Worked out by hand; the library and the exact map are compared with in `test_library_cam.py`."""

from torch import Tensor, nn

from cxr_xai.explainers.grad_cam import GradCam


def test_by_hand_and_signed(pixel_sum: nn.Module, pixels_1234: Tensor) -> None:
    out = GradCam().explain(pixel_sum, pixels_1234)
    # weight × pixel / 4 pixels; finding 1: (1 - 5) × pixel / 4, negative and not cut
    assert out.attribution.tolist() == [[[[1, 2], [3, 4]], [[-1, -2], [-3, -4]]]]
    assert out.logits.tolist() == [[20, 10]]
