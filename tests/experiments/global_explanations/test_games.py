"""Values of regions where they are known by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor

from cxr_xai.data.anatomy.regions import HEART, REGIONS
from cxr_xai.experiments.global_explanations.games import play

LABELS = np.arange(12 * 10).reshape(12, 10) % len(REGIONS)
FILM = torch.from_numpy(np.random.default_rng(0).random((1, 12, 10))).float()
EMPTY = torch.full((1, 12, 10), 0.25)


def sums(image: Tensor) -> Tensor:
    """Logits that add up: of each region's pixels, weighted by its number and by 1."""
    parts = torch.stack([image[:, 0, torch.from_numpy(r == LABELS)].sum(dim=1) for r in range(len(REGIONS))], dim=1)
    return torch.stack([parts @ torch.arange(len(REGIONS)).float(), parts.sum(dim=1)], dim=1)


def worth() -> np.ndarray:
    change = (FILM - EMPTY)[0].numpy()
    by_region = np.array([change[r == LABELS].sum() for r in range(len(REGIONS))])
    return np.column_stack([by_region * np.arange(len(REGIONS)), by_region])


@pytest.mark.parametrize("budget", [1024, 100])
def test_additive_models_have_their_parts_exactly(budget: int) -> None:
    phi, pairs = play(sums, FILM, LABELS, EMPTY, budget, 256)
    np.testing.assert_allclose(phi, worth(), atol=1e-4)
    if budget == 1024:
        np.testing.assert_allclose(pairs, 0, atol=1e-4)
    else:
        assert np.isnan(pairs).all()


def test_one_region_that_decides_has_all_importance() -> None:
    heart = torch.from_numpy(LABELS == HEART)
    phi, _ = play(lambda image: image[:, 0, heart].sum(dim=1, keepdim=True), FILM, LABELS, EMPTY, 1024, 256)
    assert abs(phi[HEART, 0]) > 0.1
    assert np.abs(np.delete(phi[:, 0], HEART)).max() < 1e-5


def test_values_add_up_whatever_the_model() -> None:
    def model(image: Tensor) -> Tensor:
        flat = image.flatten(1)
        return torch.stack([flat.sin().sum(dim=1) ** 2, flat.prod(dim=1)], dim=1)

    phi, pairs = play(model, FILM, LABELS, EMPTY, 1024, 256)
    whole = (model(FILM[None]) - model(EMPTY[None]))[0].double().numpy()
    np.testing.assert_allclose(phi.sum(axis=0), whole, rtol=1e-4)
    assert np.abs(pairs[..., 0]).max() > 1e-3


def test_regions_without_a_pixel_have_nothing() -> None:
    labels = np.where(LABELS < 5, 0, 3)
    phi, pairs = play(sums, FILM, labels, EMPTY, 1024, 256)
    assert (np.delete(phi, [0, 3], axis=0) == 0).all()
    assert (pairs[1] == 0).all()
    np.testing.assert_allclose(phi.sum(axis=0), worth().sum(axis=0), atol=1e-4)


def test_one_region_alone() -> None:
    phi, _ = play(sums, FILM, np.full_like(LABELS, 2), EMPTY, 1024, 256)
    np.testing.assert_allclose(phi[2], worth().sum(axis=0), atol=1e-4)
