"""Black and white exchanged."""

from pathlib import Path

import cv2
import numpy as np

from cxr_xai.data.audit.polarity import FEWEST, find_inverted
from cxr_xai.data.audit.thumbnails import make_thumbnails


def films_like_chests(count: int) -> np.ndarray:
    """A bright middle between dark fields, with noise of each film's own."""
    random = np.random.default_rng(0)
    columns = np.abs(np.linspace(-1, 1, 64))
    usual = 200 - 150 * np.exp(-(((columns - 0.5) / 0.25) ** 2))
    return np.clip(usual + random.normal(0, 25, (count, 64, 64)), 0, 255).astype(np.uint8)


def test_the_negatives_are_found_and_nothing_else() -> None:
    films = films_like_chests(40)
    films[[3, 17]] = 255 - films[[3, 17]]
    found = find_inverted(make_thumbnails(films, np.ones(40, bool)), np.ones(40, bool))
    assert np.flatnonzero(found).tolist() == [3, 17]


def test_unfit_films_and_small_copies_say_nothing() -> None:
    films = films_like_chests(40)
    films[3] = 255 - films[3]
    fit = np.arange(40) != 3
    assert not find_inverted(make_thumbnails(films, np.ones(40, bool)), fit).any()
    few = np.arange(40) < FEWEST - 1
    assert not find_inverted(make_thumbnails(films, np.ones(40, bool)), few).any()


def test_real_films_are_right_and_their_negatives_are_found(shared: Path) -> None:
    paths = sorted((shared / "nih-chestxray14" / "images_001" / "images").glob("*.png"))
    films = np.stack([cv2.resize(cv2.imread(str(path), 0), (64, 64), interpolation=cv2.INTER_AREA) for path in paths])
    turned = np.arange(len(films)) % 10 == 0
    films[turned] = 255 - films[turned]
    np.testing.assert_array_equal(
        find_inverted(make_thumbnails(films, np.ones(len(films), bool)), np.ones(len(films), bool)), turned
    )
