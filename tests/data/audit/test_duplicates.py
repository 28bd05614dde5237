"""Copies and near copies."""

import cv2
import numpy as np
import pandas as pd

from cxr_xai.data.audit.duplicates import COLUMNS, MOST_BITS, find_copies, find_near
from cxr_xai.data.audit.thumbnails import make_thumbnails


def test_copies_point_at_the_first_of_their_kind() -> None:
    facts = pd.DataFrame(
        {"sha256": ["a", "b", "a", "c", "d", "d"], "pixels": ["x", "x", "x", "y", "", ""]}, index=[5, 6, 7, 8, 9, 10]
    )
    found = find_copies(facts)
    assert list(found.columns) == list(COLUMNS)
    assert found[["first", "second", "kind"]].to_numpy().tolist() == [[0, 1, "same pixels"], [0, 2, "same file"]]


def test_near_films_are_found_among_the_fit_only() -> None:
    random = np.random.default_rng(0)
    films = np.stack([cv2.resize(random.integers(0, 256, (24, 24), np.uint8), (96, 96)) for _ in range(6)])
    films[4] = np.clip(films[1].astype(int) + random.normal(0, 5, (96, 96)), 0, 255)
    films[5] = films[1] // 2 + 60
    thumbnails = make_thumbnails(films, np.ones(6, bool))
    found = find_near(films, thumbnails, np.ones(6, bool))
    assert sorted(zip(found["first"], found["second"], strict=True)) == [(1, 4), (1, 5), (4, 5)]
    assert (found["correlation"] > 0.85).all()
    assert (found["kind"] == "near").all()
    assert len(find_near(films, thumbnails, np.arange(6) != 1)) == 1
    assert len(find_near(films, thumbnails, np.zeros(6, bool))) == 0


def test_near_films_of_the_real_sample(shared) -> None:
    """160 films of 160 patients: no two alike, and a changed copy of each is recognized."""
    paths = sorted((shared / "nih-chestxray14" / "images_001" / "images").glob("*.png"))[:40]
    films = [cv2.resize(cv2.imread(str(path), 0), (224, 224), interpolation=cv2.INTER_AREA) for path in paths]
    changed = [cv2.imdecode(cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0) for film in films]
    both = np.stack(films + changed)
    found = find_near(both, make_thumbnails(both, np.ones(80, bool)), np.ones(80, bool))
    assert sorted(zip(found["first"], found["second"], strict=True)) == [(n, n + 40) for n in range(40)]


def test_like_anatomy_with_other_detail_is_no_copy() -> None:
    random = np.random.default_rng(0)
    anatomy = cv2.resize(random.integers(0, 200, (14, 14)).astype(np.float32), (96, 96), interpolation=cv2.INTER_CUBIC)
    anatomy = cv2.GaussianBlur(anatomy, (0, 0), 3)
    grain = [random.normal(0, 12, (96, 96)) for _ in range(2)]
    films = np.stack([np.clip(anatomy + own + 20, 0, 255).astype(np.uint8) for own in grain])
    thumbnails = make_thumbnails(films, np.ones(2, bool))
    assert (thumbnails.hashes[0] != thumbnails.hashes[1]).sum() <= MOST_BITS
    assert len(find_near(films, thumbnails, np.ones(2, bool))) == 0
