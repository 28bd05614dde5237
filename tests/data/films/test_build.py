"""Chunks on disk: decoded once, believed only if their checksum holds."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr_xai.data.films import build
from cxr_xai.data.films.build import CHUNK, decode_chunks
from cxr_xai.data.films.journal import Journal
from cxr_xai.data.films.measure import measure_film, read_film
from cxr_xai.errors import UserError

Decode = Callable[..., tuple[list[str], np.ndarray]]
COUNT = 2 * CHUNK + 5


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    random = np.random.default_rng(0)
    (tmp_path / "films").mkdir()
    for number in range(COUNT):
        cv2.imwrite(str(tmp_path / f"films/{number:03d}.png"), random.integers(0, 256, (64, 64), np.uint8))
    return sorted(map(str, (tmp_path / "films").iterdir()))


@pytest.fixture
def decode(paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Decode:
    """Decode, and return what was decoded in this call and the array."""

    def run() -> tuple[list[str], np.ndarray]:
        seen: list[str] = []
        monkeypatch.setattr(build, "measure_film", lambda path, size: (seen.append(path), measure_film(path, size))[1])
        decode_chunks(paths, 8, tmp_path / "films.npy", Journal(tmp_path / "journal.jsonl"))
        return sorted(seen), np.load(tmp_path / "films.npy")

    return run


def test_the_array_holds_every_film(decode: Decode, paths: list[str]) -> None:
    seen, films = decode()
    assert seen == paths
    assert films.shape == (COUNT, 8, 8)
    np.testing.assert_array_equal(films, np.stack([read_film(path, 8) for path in paths]))


def test_noted_chunks_are_not_decoded_again(decode: Decode, paths: list[str], tmp_path: Path) -> None:
    _, before = decode()
    journal = tmp_path / "journal.jsonl"
    kept = [line for line in journal.read_text().splitlines() if line.startswith("[1,")]
    journal.write_text("\n".join(kept) + "\n")
    seen, after = decode()
    assert seen == paths[:CHUNK] + paths[2 * CHUNK :]
    np.testing.assert_array_equal(after, before)


def test_a_noted_chunk_whose_pixels_were_lost_is_decoded_again(
    decode: Decode, paths: list[str], tmp_path: Path
) -> None:
    _, before = decode()
    array = tmp_path / "films.npy"
    with array.open("r+b") as file:
        file.seek(array.stat().st_size - 3)
        file.write(b"\0\0\0")
    seen, after = decode()
    assert seen == paths[2 * CHUNK :]
    np.testing.assert_array_equal(after, before)


def test_unfit_films_are_black_and_noted(decode: Decode, paths: list[str], tmp_path: Path) -> None:
    Path(paths[3]).write_bytes(b"torn")
    _, films = decode()
    assert not films[3].any()
    assert films[4].any()
    facts = Journal(tmp_path / "journal.jsonl").read()[0].facts
    assert [entry.problem for entry in facts[2:5]] == ["", "not an image", ""]


def test_a_broken_copy_stops_the_build(decode: Decode, paths: list[str]) -> None:
    for path in paths[:20]:
        Path(path).write_bytes(b"")
    with pytest.raises(UserError, match=r"of 133 films are unfit, among them .*\(empty file\)"):
        decode()


def test_a_disk_without_room_is_refused_before_anything_is_decoded(
    decode: Decode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(UserError, match=r"needs 0\.00 GB and the disk of .* has 0\.00 GB left; name another place"):
        decode()
    assert not (tmp_path / "films.npy").exists()
