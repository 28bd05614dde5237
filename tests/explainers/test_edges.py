"""The film's gradient, against scipy's and by hand."""

import numpy as np
import torch
from scipy.ndimage import sobel
from torch import nn

from cxr_xai.explainers.edges import Edges, edges
from cxr_xai.explainers.heatmap import make_heatmap


def test_a_ramp_has_its_slope_everywhere() -> None:
    ramp = torch.arange(6.0).expand(1, 1, 5, 6)
    assert (edges(ramp)[0, :, 1:-1] == 1).all()
    assert (edges(ramp)[0, :, [0, -1]] == 0.5).all(), "beyond the border nothing rises"


def test_equal_to_sobel_of_scipy() -> None:
    film = torch.rand(2, 1, 16, 12, generator=torch.Generator().manual_seed(0))
    for ours, pixels in zip(edges(film), film[:, 0].numpy(), strict=True):
        theirs = np.hypot(sobel(pixels, 0, mode="nearest"), sobel(pixels, 1, mode="nearest")) / 8
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-6)


def test_every_finding_has_the_films_edges(small_model: nn.Module) -> None:
    film = torch.rand(2, 1, 64, 72)
    out = Edges().explain(small_model, film, [3, 0]).attribution
    assert out.shape == (2, 2, 64, 72)
    assert (out == edges(film)[:, None]).all()


def test_a_film_of_one_gray_level_has_a_dead_map(small_model: nn.Module) -> None:
    out = Edges().explain(small_model, torch.full((1, 1, 64, 64), 0.4)).attribution
    assert make_heatmap(out).isnan().all()
