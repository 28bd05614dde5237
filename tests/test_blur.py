"""One blur for all: scipy's, cut at three standard deviations."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from cxr_xai.blur import blur_films


@pytest.mark.parametrize("sigma", [1.0, 2.5, 4.0])
def test_equals_scipy(sigma: float) -> None:
    image = torch.rand(2, 1, 48, 64, generator=torch.Generator().manual_seed(0))
    radius = int(np.ceil(3 * sigma))
    theirs = gaussian_filter(image.double().numpy(), sigma, mode="mirror", radius=radius, axes=(2, 3))
    np.testing.assert_allclose(blur_films(image, sigma).numpy(), theirs, atol=1e-5)


def test_a_wide_blur_of_a_small_film() -> None:
    assert blur_films(torch.rand(1, 1, 8, 8), 20.0).shape == (1, 1, 8, 8)
