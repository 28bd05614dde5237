"""Values of regions where they are known by hand, and played again where what they rest on is not the same."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from cxr_xai.data.anatomy.folder import FolderAnatomy
from cxr_xai.data.anatomy.regions import HEART, REGIONS
from cxr_xai.experiments.global_explanations import games
from cxr_xai.experiments.global_explanations.games import play, play_all

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


class FewStudies(SimpleNamespace):
    """Films and a network, without a run."""

    def __len__(self) -> int:
        return len(self.image_id)

    def films(self, which: Any) -> Tensor:
        return torch.linspace(0, 1, 12 * 10).reshape(1, 1, 12, 10).repeat(len(which), 1, 1, 1)


class Sums(torch.nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return sums(image)


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FewStudies:
    monkeypatch.setattr(games, "hash_data", lambda data: data)
    for name in "ab":
        write_labels(tmp_path / "masks", name, LABELS)
    told = {"folder": SimpleNamespace(path=tmp_path), "model": Sums(), "device": "cpu", "weights": "w", "data": "d"}
    return FewStudies(image_id=np.array(["a.png", "b.png", "c.png"]), **told)


def write_labels(folder: Path, name: str, labels: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{name}.png"), labels.astype(np.uint8))


def played(few: FewStudies, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], games.Games]:
    """Play with the folder's masks; also how many regions the films that were played anew have."""
    counts: list[int] = []

    def counted(*told: Any) -> Any:
        counts.append(len(np.unique(told[2])))
        return play(*told)

    monkeypatch.setattr(games, "play", counted)
    found = play_all(few, FolderAnatomy(few.folder.path / "masks"), EMPTY, 100, 256)  # type: ignore[arg-type]
    return counts, found


def test_a_changed_label_image_and_a_new_one_are_played_and_the_others_are_not(
    few: FewStudies, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, found = played(few, monkeypatch)
    assert (counts, found.unknown) == ([10, 10], ["c.png"])
    assert played(few, monkeypatch)[0] == []
    write_labels(few.folder.path / "masks", "b", np.where(LABELS < 5, 0, 3))
    write_labels(few.folder.path / "masks", "c", np.where(LABELS < 5, 2, 3))
    counts, found = played(few, monkeypatch)
    assert counts == [2, 2]
    assert found.image_id.tolist() == ["a.png", "b.png", "c.png"]
    assert (np.delete(found.phi[1], [0, 3], axis=0) == 0).all()


@pytest.mark.parametrize("other", ["weights", "data", "code"])
def test_other_weights_films_or_code_are_played_again(
    few: FewStudies, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    played(few, monkeypatch)
    if other == "code":
        monkeypatch.setattr(games, "hash_code", lambda *_: "other")
    else:
        setattr(few, other, "other")
    assert played(few, monkeypatch)[0] == [10, 10]


def test_films_that_are_not_asked_for_now_stay(few: FewStudies, monkeypatch: pytest.MonkeyPatch) -> None:
    names = few.image_id
    few.image_id = names[:1]
    assert played(few, monkeypatch)[0] == [10]
    few.image_id = names[1:2]
    assert played(few, monkeypatch)[0] == [10]
    few.image_id = names[:2]
    assert played(few, monkeypatch)[0] == []
