"""The truth about a phantom at the size at which its films are served."""

from pathlib import Path

import numpy as np
import pytest

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.films.decode import shrink
from cxr_xai.data.phantom.render import render
from cxr_xai.data.phantom.twins import PhantomTruth, shrink_mask
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.errors import UserError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ChestXrayDataModule:
    reader = PhantomReader(train_val_patients=12, test_patients=20, film_size=160, seed=3)
    return ChestXrayDataModule(tmp_path_factory.mktemp("twins") / "phantom", reader, image_size=72)


def served(data: ChestXrayDataModule, image_id: str) -> np.ndarray:
    [row] = np.flatnonzero(data.index.studies["image_id"] == image_id)
    pixels: np.ndarray = data.dataset_of(np.array([row])).batch(np.array([row])).image[0, 0].numpy()
    return pixels


@pytest.mark.parametrize("shortcut", ["marker", "drain"])
def test_a_twin_is_the_served_film_outside_of_the_mask(data: ChestXrayDataModule, shortcut: str) -> None:
    _ = data.index  # writes the phantom
    truth = PhantomTruth(data.root, data.image_size)
    names = [name for name in truth.studies if shortcut in truth.shortcuts(name)][:4]
    assert len(names) == 4
    for name in names:
        film, twin, mask = served(data, name), truth.twin(name, without=shortcut), truth.shortcut(name, shortcut)
        changed = film != twin
        assert changed.any()
        assert not (changed & ~mask).any()
        assert 0 < mask.mean() < 0.3


def test_without_a_brightness_every_pixel_may_move_and_nothing_else_does(data: ChestXrayDataModule) -> None:
    truth = PhantomTruth(data.root, data.image_size)
    name = max(truth.studies, key=lambda name: abs(truth.studies[name].brightness))
    apart = served(data, name).astype(int) - truth.twin(name, without="brightness").astype(int)
    assert truth.shortcut(name, "brightness").all()
    middle = np.median(apart)
    assert abs(middle - truth.studies[name].brightness) <= 1.5


def test_twins_are_the_renderings_without_each_set(data: ChestXrayDataModule) -> None:
    truth = PhantomTruth(data.root, data.image_size)
    name = next(name for name in truth.studies if {"marker", "brightness"} <= set(truth.shortcuts(name)))
    sets = [("marker",), ("marker", "brightness"), ()]
    for left, twin in zip(sets, truth.twins(name, sets), strict=True):
        film = render(truth.studies[name], truth.spec, without=left).image
        np.testing.assert_array_equal(twin, shrink(film, data.image_size))
    np.testing.assert_array_equal(truth.twins(name, [()])[0], served(data, name))


def test_lesions_are_those_of_the_labels_and_lie_in_their_boxes(data: ChestXrayDataModule) -> None:
    truth = PhantomTruth(data.root, data.image_size)
    for name, study in list(truth.studies.items())[:40]:
        assert set(truth.lesions(name)) == set(study.findings)
    boxes = data.index.boxes
    for box in boxes.head(20).itertuples():
        rows, cols = np.nonzero(truth.lesions(str(box.image_id))[str(box.finding)])
        edges = np.array([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]) / data.image_size
        assert np.abs(edges - [box.x0, box.y0, box.x1, box.y1]).max() <= 1.01 / data.image_size


def test_what_is_not_there_cannot_be_left_out(data: ChestXrayDataModule) -> None:
    truth = PhantomTruth(data.root, data.image_size)
    bare = next(name for name in truth.studies if "drain" not in truth.shortcuts(name))
    with pytest.raises(UserError, match=f"{bare} has no drain to leave out; it has"):
        truth.twin(bare, without="drain")
    with pytest.raises(UserError, match=r"has no study 00000000_000\.png"):
        truth.shortcuts("00000000_000.png")


def test_a_source_that_is_no_phantom_has_no_truth(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only a phantom knows where its lesions and shortcuts are"):
        PhantomTruth(tmp_path, 64)


def test_masks_at_their_own_size_stay_as_they_are() -> None:
    mask = np.eye(8, dtype=bool)
    assert shrink_mask(mask, 8) is mask
    assert shrink_mask(mask, 4, least=0.0).tolist() == np.eye(4, dtype=bool).tolist()
