"""The store of decoded films: same bytes, whole or absent, rebuilt when a file changes."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr_xai.data import cache
from cxr_xai.data.cache import FilmFiles, build_cache, cache_key, open_cache
from cxr_xai.errors import UserError


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    films = np.random.default_rng(0).integers(0, 256, (6, 20, 20), np.uint8)
    for number, film in enumerate(films):
        cv2.imwrite(str(tmp_path / f"{number}.png"), film)
    return [str(tmp_path / f"{number}.png") for number in range(6)]


def test_the_store_equals_direct_reading(paths: list[str], tmp_path: Path) -> None:
    store = open_cache(build_cache(paths, 8, tmp_path / "store"))
    rows = np.array([3, 0, 3])
    assert store.shape == (6, 8, 8)
    np.testing.assert_array_equal(store[rows], FilmFiles(paths, 8)[rows])


def test_the_store_is_read_only(paths: list[str], tmp_path: Path) -> None:
    store = open_cache(build_cache(paths, 8, tmp_path))
    with pytest.raises(ValueError, match="read-only"):
        store[0] = 0


def test_a_second_build_decodes_nothing(paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_cache(paths, 8, tmp_path)
    monkeypatch.setattr(cache, "read_image", None)
    assert build_cache(paths, 8, tmp_path) == first


def test_a_changed_film_makes_a_new_store(paths: list[str], tmp_path: Path) -> None:
    first = build_cache(paths, 8, tmp_path)
    cv2.imwrite(paths[2], np.full((20, 20), 77, np.uint8))
    second = build_cache(paths, 8, tmp_path)
    assert second != first
    assert (open_cache(second)[2] == 77).all()


def test_the_key_knows_size_order_files_time_and_rule(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [cache_key(paths, 8), cache_key(paths, 9), cache_key(paths[::-1], 8), cache_key(paths[:5], 8)]
    stat = Path(paths[0]).stat()
    os.utime(paths[0], ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    keys.append(cache_key(paths, 8))
    monkeypatch.setattr(cache, "RESIZE_RULE", "another")
    keys.append(cache_key(paths, 8))
    assert len(set(keys)) == 6


def test_the_key_does_not_know_the_folder(paths: list[str], tmp_path: Path) -> None:
    before = cache_key(paths, 8)
    (tmp_path / "moved").mkdir()
    moved = [str(tmp_path / "moved" / Path(path).name) for path in paths]
    for old, new in zip(paths, moved, strict=True):
        Path(old).rename(new)
    assert cache_key(moved, 8) == before


def test_a_build_that_fails_leaves_nothing(paths: list[str], tmp_path: Path) -> None:
    Path(paths[4]).write_bytes(b"torn")
    with pytest.raises(UserError, match=r"4\.png cannot be decoded"):
        build_cache(paths, 8, tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []


def test_a_half_written_store_is_not_used(paths: list[str], tmp_path: Path) -> None:
    whole = build_cache(paths, 8, tmp_path)
    (tmp_path / f"{whole.stem}.partial-{os.getpid()}").write_bytes(whole.read_bytes()[:200])
    whole.unlink()
    again = open_cache(build_cache(paths, 8, tmp_path))
    np.testing.assert_array_equal(again[:], FilmFiles(paths, 8)[np.arange(6)])


def test_two_builders_at_once_end_with_one_whole_store(
    paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, real = threading.Barrier(2, timeout=20), cache.read_image

    def read_together(path: str, size: int) -> np.ndarray:
        if path == paths[0]:  # neither may finish before the other has begun
            both.wait()
        return real(path, size)

    monkeypatch.setattr(cache, "read_image", read_together)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: build_cache(paths, 8, tmp_path / "store"), range(2)))
    monkeypatch.undo()
    assert made[0] == made[1]
    assert list((tmp_path / "store").iterdir()) == [made[0]]
    np.testing.assert_array_equal(open_cache(made[0])[:], FilmFiles(paths, 8)[np.arange(6)])


def test_progress_counts_to_the_end(paths: list[str], tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    build_cache(paths, 8, tmp_path, lambda done, total: said.append((done, total)))
    assert said == [(done, 6) for done in range(1, 7)]
