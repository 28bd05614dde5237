"""The first principal component, by hand and against the library."""

from typing import Any

import numpy as np
import pytorch_grad_cam
import torch
from torch import Tensor, nn

from cxr_xai.explainers.eigen_cam import EigenCam
from cxr_xai.heatmap import make_heatmap


def test_by_hand(pixel_sum: nn.Module) -> None:
    # Pixels centered: -1, -1, -1, 3; the channels are x and -x, so the axis is (1, -1) / √2 and √2 the stretch.
    out = EigenCam().explain(pixel_sum, torch.tensor([[[[0.0, 0.0], [0.0, 4.0]]]]))
    expected = 2**0.5 * torch.tensor([[-1.0, -1], [-1, 3]])
    torch.testing.assert_close(out.attribution[0, 0], expected, atol=1e-6, rtol=1e-5)


def test_the_larger_deviation_is_positive(pixel_sum: nn.Module) -> None:
    film = torch.tensor([[[[0.0, 0.0], [0.0, 4.0]]]])
    dark = EigenCam().explain(pixel_sum, 4 - film).attribution
    assert dark[0, 0].argmax() == 3


def test_knows_no_finding(pixel_sum: nn.Module, pixels_1234: Tensor) -> None:
    maps = EigenCam().explain(pixel_sum, pixels_1234).attribution
    assert torch.equal(maps[:, 0], maps[:, 1])


def test_a_flat_feature_map_is_dead(pixel_sum: nn.Module) -> None:
    maps = EigenCam().explain(pixel_sum, torch.ones(1, 1, 2, 2)).attribution
    assert make_heatmap(maps).isnan().all()


def test_equals_the_library_up_to_sign(members: Any) -> None:
    model, films = members["lived_in"]().eval(), members["noise"](2)
    out = EigenCam().explain(model, films, [6]).attribution[:, 0].numpy()
    with torch.no_grad():
        features = model.features(films).numpy()
    theirs = pytorch_grad_cam.EigenCAM(model, []).get_cam_image(films, None, None, features, None, False)
    for ours, reference in zip(out, theirs, strict=True):
        sign = np.sign((ours * reference).sum())
        np.testing.assert_allclose(ours, sign * reference, atol=1e-5 * np.abs(reference).max())
