"""Films without evidence, worked out by hand; SciPy's Gaussian filter as reference."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from cxr_xai.blur import blur_films
from cxr_xai.errors import UserError
from cxr_xai.explainers.baselines import fill_films, require_fill


def test_black_and_mean_are_each_film_s_own() -> None:
    image = torch.tensor([[[[0.0, 1.0]]], [[[1.0, 1.0]]]])
    assert fill_films(image, "black").abs().max() == 0
    assert fill_films(image, "mean").flatten(1).tolist() == [[0.5, 0.5], [1, 1]]


def test_blur_equals_scipy() -> None:
    image = torch.rand(2, 1, 64, 80, generator=torch.Generator().manual_seed(0))
    theirs = gaussian_filter(image.numpy(), (0, 0, 4, 4), mode="mirror", radius=(0, 0, 12, 12))
    np.testing.assert_allclose(blur_films(image, 4).numpy(), theirs, atol=1e-5)
    torch.testing.assert_close(fill_films(image, "blur"), blur_films(image, 4))  # a sixteenth of the shorter side


def test_a_flat_film_stays_as_it_is() -> None:
    flat = torch.full((1, 1, 64, 64), 0.3)
    torch.testing.assert_close(fill_films(flat, "blur"), flat)


def test_an_unknown_fill_is_refused() -> None:
    with pytest.raises(UserError, match="fill=gray: there are black, mean, blur"):
        require_fill("fill", "gray")
