"""Studies by number, a whole batch at a time."""

import numpy as np
import pytest
import torch

from cxr_xai.data.balancing.synthetic import Synthetic
from cxr_xai.data.dataset import StudyDataset, blend


@pytest.fixture
def dataset() -> StudyDataset:
    films = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8) * 10  # films of rows 0, 2, 4
    targets = np.eye(6, 14, dtype=np.float32)
    return StudyDataset(np.array([4, 0, 3, 2]), films, np.array([0, -1, 1, -1, 2, -1]), targets)


def test_rows_without_a_film_are_not_served(dataset: StudyDataset) -> None:
    assert len(dataset) == 3
    assert dataset.rows.tolist() == [4, 0, 2]


def test_a_batch_keeps_row_film_and_target_together(dataset: StudyDataset) -> None:
    batch = dataset.__getitems__([2, 0, 0])
    assert batch.index.tolist() == [2, 4, 4]
    assert batch.image.shape == (3, 1, 4, 4)
    assert batch.image.dtype == torch.uint8
    assert batch.image[:, 0, 0, 0].tolist() == [10, 20, 20]
    assert batch.target.argmax(dim=1).tolist() == [2, 4, 4]


def test_a_single_study_is_a_batch_of_one(dataset: StudyDataset) -> None:
    batch = dataset[1]
    assert batch.index.tolist() == [0]
    assert batch.image.shape == (1, 1, 4, 4)
    assert batch.target.shape == (1, 14)


def test_a_batch_owns_its_pixels(dataset: StudyDataset) -> None:
    dataset[0].image.fill_(255)
    assert int(dataset[0].image.max()) == 20


SYNTHETIC = Synthetic(
    base=np.array([1, 2]), neighbors=np.array([[0], [1]]), targets=np.full((2, 14), 0.0, np.float32), seed=3
)


def test_synthetic_studies_follow_the_real_ones(dataset: StudyDataset) -> None:
    made = StudyDataset(np.array([4, 0, 2]), dataset.films, dataset.film_numbers, dataset.targets, SYNTHETIC)
    assert len(made) == 5
    epoch = 6
    batch = made.__getitems__([epoch * 5 + number for number in (0, 3, 4)])
    assert batch.index.tolist() == [4, 6, 7]  # after the six rows of the table
    partners, weights = SYNTHETIC.draw(np.array([0, 1]), epoch)
    assert partners.tolist() == [0, 1]
    # Base 1 is the film of row 0 (black), its neighbor the film of row 4 (20); base 2 is 10, its neighbor black.
    expected = [20, round(float(20 * weights[0])), round(float(10 * (1 - weights[1])))]
    np.testing.assert_allclose(batch.image[:, 0, 0, 0], expected, atol=0.51)
    assert batch.target.sum(dim=1).tolist() == [1, 0, 0]
    assert torch.equal(batch.image, made.__getitems__([epoch * 5 + number for number in (0, 3, 4)]).image)


def test_a_blend_belongs_to_the_epoch_and_to_no_batch(dataset: StudyDataset) -> None:
    made = StudyDataset(np.array([4, 0, 2]), dataset.films, dataset.film_numbers, dataset.targets, SYNTHETIC)
    films = {epoch: int(made[epoch * 5 + 3].image[0, 0, 0, 0]) for epoch in range(20)}
    assert len(set(films.values())) > 5
    for epoch in (2, 9):
        assert int(made.__getitems__([epoch * 5 + 1, epoch * 5 + 3]).image[1, 0, 0, 0]) == films[epoch]


def test_mixing_blends_films_and_targets_alike(dataset: StudyDataset) -> None:
    seen = []

    def mix(index: torch.Tensor, epoch: int, studies: int) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append((index.tolist(), epoch, studies))
        return torch.tensor([2, 2]), torch.tensor([0.75, 1.0])

    mixed = StudyDataset(dataset.rows, dataset.films, dataset.film_numbers, dataset.targets, mix=mix)
    batch = mixed.__getitems__([12, 13])  # epoch 4 of three studies
    assert seen == [([4, 0], 4, 3)]
    assert batch.image[:, 0, 0, 0].tolist() == [18, 0]  # 0.75 · 20 + 0.25 · 10 = 17.5, rounded up
    assert batch.target[0, [4, 2]].tolist() == [0.75, 0.25]
    assert batch.target[1].argmax() == 0
    assert mixed.batch(np.array([4])).image[0, 0, 0, 0] == 20


def test_blends_by_hand() -> None:
    films, partners = np.full((3, 1, 1), 255, np.uint8), np.zeros((3, 1, 1), np.uint8)
    assert blend(films, partners, np.array([0, 0.5, 1], np.float32)).ravel().tolist() == [255, 128, 0]
