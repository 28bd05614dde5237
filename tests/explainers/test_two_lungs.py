"""Two ellipses, where lungs are."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from cxr_xai.data.phantom import PhantomSpec, draw_studies
from cxr_xai.data.phantom.canvas import Canvas
from cxr_xai.data.phantom.lungs import Lungs, shape_lungs
from cxr_xai.explainers.two_lungs import CENTER, SEMI_AXES, TwoLungs, two_lungs


def test_the_area_is_that_of_two_ellipses() -> None:
    assert two_lungs((64, 64)).mean().item() == pytest.approx(2 * math.pi * SEMI_AXES[0] * SEMI_AXES[1], rel=2e-3)


def test_mirrored_and_between_zero_and_one() -> None:
    out = two_lungs((64, 64))
    assert torch.equal(out, out.flip(1))
    assert out.min() == 0
    assert out.max() == 1
    assert (out[:, 31:33] == 0).all(), "nothing in the midline"


def test_bases_lie_further_out_than_apices() -> None:
    out = two_lungs((100, 100))[:, :50]
    x = torch.arange(50) + 0.5
    middle = (out * x).sum(1) / out.sum(1)
    assert middle[20] > middle[45] > middle[70]
    assert middle[45].item() == pytest.approx(100 * CENTER[0], abs=1)


def test_a_coarse_grid_is_the_fine_one_averaged() -> None:
    fine = two_lungs((64, 64)).view(8, 8, 8, 8).mean((1, 3))
    torch.testing.assert_close(two_lungs((8, 8)), fine, atol=0.02, rtol=0)


def test_they_are_where_the_phantoms_lungs_are() -> None:
    studies = draw_studies(PhantomSpec(train_val_patients=40, test_patients=1))
    lungs = sum(Lungs(Canvas(64, s.body, s.film), shape_lungs(s.body, s.film)).both for s in studies) / len(studies)
    here = two_lungs((64, 64)).numpy()
    shared = np.minimum(lungs, here).sum() / np.maximum(lungs, here).sum()
    assert shared > 0.7


def test_every_film_and_finding_has_the_same_map(small_model: nn.Module) -> None:
    out = TwoLungs().explain(small_model, torch.rand(2, 1, 64, 64), [3, 0]).attribution
    assert out.shape[:2] == (2, 2)
    assert (out == two_lungs((out.shape[2], out.shape[3]))).all()
