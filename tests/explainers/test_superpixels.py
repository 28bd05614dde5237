"""Segments: whole partitions, each film by itself, sizes that are refused."""

import builtins
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.explainers.superpixels import Superpixels


def test_grid_by_hand() -> None:
    labels = Superpixels("grid", 9)(torch.zeros(2, 1, 3, 6))
    assert labels.dtype == torch.int64
    assert labels.tolist() == [[[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5], [6, 6, 7, 7, 8, 8]]] * 2


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(64, 130), st.integers(64, 130))
def test_grid_cells_differ_by_a_pixel_a_side_at_most(side: int, height: int, width: int) -> None:
    areas = Superpixels("grid", side**2)(torch.zeros(1, 1, height, width)).flatten().bincount()
    assert len(areas) == side**2
    assert areas.min() >= (height // side) * (width // side)
    assert areas.max() <= -(-height // side) * -(-width // side)


@pytest.mark.parametrize("kind", ["grid", "slic"])
def test_every_pixel_has_a_label_and_no_label_is_left_out(kind: Literal["grid", "slic"]) -> None:
    films = torch.rand(2, 1, 64, 80, generator=torch.Generator().manual_seed(0))
    labels = Superpixels(kind, 16)(films)
    assert labels.shape == (2, 64, 80)
    for own in labels:
        assert own.unique().tolist() == list(range(int(own.max()) + 1))
        assert 8 <= own.max() + 1 <= 32


def test_slic_follows_the_edges_of_each_film() -> None:
    left, right = torch.zeros(1, 64, 64), torch.zeros(1, 64, 64)
    left[:, :, :29], right[:, :, 35:] = 1, 1
    films = torch.stack([left, right])
    labels = Superpixels("slic", 16)(films)
    for film, own in zip(films[:, 0], labels, strict=True):
        assert all(film[own == label].unique().numel() == 1 for label in range(int(own.max()) + 1))
    assert torch.equal(labels[1], Superpixels("slic", 16)(films[1:])[0]), "whoever else is in the batch"


def test_a_film_of_nan_is_cut_all_the_same() -> None:
    assert Superpixels("slic", 16)(torch.full((1, 1, 64, 64), torch.nan)).max() > 0


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [("grid", 50, "use 49 or 64"), ("grid", 1, "two segments"), ("slic", 0, "two segments"), ("voronoi", 4, "slic")],
)
def test_what_cannot_be_is_refused(kind: Any, count: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Superpixels(kind, count)


def test_a_film_smaller_than_the_grid_is_refused() -> None:
    with pytest.raises(UserError, match="6 × 9 px cannot be cut into 7 × 7"):
        Superpixels()(torch.zeros(1, 1, 6, 9))


def test_without_the_library_slic_names_the_remedy_and_grid_works(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("skimage"):
            raise ImportError(name)
        return there(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match=r"pip install 'cxr-xai\[explainers\]'"):
        Superpixels("slic")
    assert Superpixels()(torch.zeros(1, 1, 64, 64)).max() == 48
