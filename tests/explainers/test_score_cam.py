"""Masked films, by hand and against the library."""

from typing import Any

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.score_cam import ScoreCam


def test_by_hand(pixel_sum: nn.Module, pixels_1234: Tensor) -> None:
    out = ScoreCam().explain(pixel_sum, pixels_1234)
    # Masks (0, 1, 2, 3) / 3 and (3, 2, 1, 0) / 3; masked films have means 20/12 and 10/12.
    for finding, slope in enumerate((4, -4)):
        weight = torch.softmax(slope * torch.tensor([20 / 12, 10 / 12]), 0)
        expected = (weight[0] - weight[1]) * pixels_1234[0, 0]
        torch.testing.assert_close(out.attribution[0, finding], expected, atol=1e-5, rtol=1e-5)


def test_equals_the_library(members: Any, capsys: pytest.CaptureFixture[str]) -> None:
    model, films = members["lived_in"]().eval(), members["noise"](1)
    out = ScoreCam(layer=-2).explain(model, films, [6, 1])
    assert capsys.readouterr() == ("", "")
    cam = pytorch_grad_cam.ScoreCAM(model, [model.stages()[-2]])
    for column, finding in enumerate((6, 1)):
        target = [ClassifierOutputTarget(finding)]
        cam(films, target)  # shows a bar on the error output
        features = cam.activations_and_grads.activations[0].numpy()
        theirs = cam.get_cam_image(films, None, target, features, None, False)[0]
        np.testing.assert_allclose(out.attribution[0, column].numpy(), theirs, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_the_batch_changes_nothing(batch_size: int, members: Any) -> None:
    model, films = members["lived_in"](), members["noise"](2)
    one, other = (ScoreCam(batch_size=size).explain(model, films, [0]).attribution for size in (batch_size, 32))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(UserError, match=r"explainer\.batch_size is 0"):
        ScoreCam(batch_size=0)
