"""Studies by number, a whole batch at a time."""

import numpy as np
import pytest
import torch

from cxr_xai.data.dataset import StudyDataset


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
