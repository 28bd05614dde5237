"""The store of decoded films: equal bytes however it came about, whole or not there, refused when it was changed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr_xai.data.films import build, store
from cxr_xai.data.films.files import FilmFiles
from cxr_xai.data.films.store import build_store, open_store, store_key, verify_store
from cxr_xai.errors import UserError
from cxr_xai.lease import DURATION

FILES = ["facts.parquet", "films.npy", "manifest.json"]
BUILDER = """
import sys, time
from pathlib import Path
from cxr_xai.data.films import build
from cxr_xai.data.films.store import build_store
measure, delay = build.measure_film, float(sys.argv[3])
build.measure_film = lambda path, size: (time.sleep(delay), measure(path, size))[1]
paths = sorted(map(str, Path(sys.argv[1]).iterdir()))
print(build_store(paths, 16, Path(sys.argv[2]), lambda done, total: print(done, flush=True)))
"""


def write_films(folder: Path, count: int) -> list[str]:
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03d}.png"), random.integers(0, 256, (64, 64), np.uint8))
    return sorted(map(str, folder.iterdir()))


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    return write_films(tmp_path / "films", 6)


def start_builder(films: Path, cache: Path, delay: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILDER, str(films), str(cache), str(delay)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_store_equals_direct_reading(paths: list[str], tmp_path: Path) -> None:
    opened = open_store(build_store(paths, 8, tmp_path / "cache"))
    rows = np.array([3, 0, 3])
    np.testing.assert_array_equal(opened.films[rows], FilmFiles(paths, 8)[rows])
    assert opened.facts["file"].tolist() == [Path(path).name for path in paths]
    assert sorted(path.name for path in opened.folder.iterdir()) == FILES


def test_the_store_is_read_only(paths: list[str], tmp_path: Path) -> None:
    films = open_store(build_store(paths, 8, tmp_path)).films
    with pytest.raises(ValueError, match="read-only"):
        films[0] = 0


def test_a_second_build_decodes_nothing(paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_store(paths, 8, tmp_path)
    monkeypatch.setattr(store, "decode_chunks", None)
    assert build_store(paths, 8, tmp_path) == first


def test_the_key_knows_size_order_files_time_and_rule(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [store_key(paths, 8), store_key(paths, 9), store_key(paths[::-1], 8), store_key(paths[:5], 8)]
    stat = Path(paths[0]).stat()
    os.utime(paths[0], ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    keys.append(store_key(paths, 8))
    monkeypatch.setattr(store, "RULE", "another")
    keys.append(store_key(paths, 8))
    assert len(set(keys)) == 6


def test_the_key_does_not_know_the_folder(paths: list[str], tmp_path: Path) -> None:
    before = store_key(paths, 8)
    (tmp_path / "films").rename(tmp_path / "moved")
    assert store_key([path.replace("/films/", "/moved/") for path in paths], 8) == before


def test_the_manifest_says_what_the_bytes_rest_on(paths: list[str], tmp_path: Path) -> None:
    Path(paths[1]).write_bytes(b"torn")
    folder = build_store(paths, 8, tmp_path / "cache")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["films"] == 6
    assert manifest["size"] == 8
    assert manifest["unfit"] == 1
    assert set(manifest["decoders"]) == {"opencv-python-headless", "pydicom"}
    again = build_store(paths, 8, tmp_path / "other")
    assert contents(again) == contents(folder)
    stat = Path(paths[0]).stat()
    cv2.imwrite(paths[0], np.eye(64, dtype=np.uint8) * 255)
    os.utime(paths[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed = json.loads((build_store(paths, 8, tmp_path / "third") / "manifest.json").read_text())
    assert changed["sources_sha256"] != manifest["sources_sha256"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: flip_byte(folder / "films.npy", -5), "films 0 and on were changed"),
        (lambda folder: os.truncate(folder / "films.npy", 300), "cannot be opened"),
        (lambda folder: (folder / "films.npy").unlink(), "cannot be opened"),
        (lambda folder: flip_byte(folder / "facts.parquet", 200), "facts.parquet was changed|cannot be opened"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text('{"schema": 99}'), "has schema 99"),
    ],
)
def test_a_changed_store_is_refused(paths: list[str], tmp_path: Path, change, words: str) -> None:
    folder = build_store(paths, 8, tmp_path / "cache")
    verify_store(folder)
    change(folder)
    with pytest.raises(UserError, match=rf"does not match its manifest: .*({words}).*Delete the folder"):
        verify_store(folder)


def flip_byte(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 0xFF
    path.write_bytes(raw)


def test_a_place_that_cannot_be_written_is_named(paths: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"cannot be written .*paths\.cache=.*cache_dir=null"):
        build_store(paths, 8, tmp_path / "cache")


def test_killed_and_continued_equals_undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_films(tmp_path / "films", 5 * build.CHUNK)
    builder = start_builder(tmp_path / "films", tmp_path / "cache", delay=0.01)
    assert builder.stdout is not None
    builder.stdout.readline()  # the first chunk is safe
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    (folder,) = (tmp_path / "cache").iterdir()
    assert "manifest.json" not in contents(folder)
    noted = store._journal(folder).count()
    assert 1 <= noted < 5
    decoded = []
    monkeypatch.setattr(
        build,
        "measure_film",
        lambda path, size, _measure=build.measure_film: (decoded.append(path), _measure(path, size))[1],
    )
    assert build_store(paths, 16, tmp_path / "cache") == folder
    assert len(decoded) == (5 - noted) * build.CHUNK
    assert contents(folder) == contents(build_store(paths, 16, tmp_path / "undisturbed"))


def test_four_builders_make_one_store_and_decode_once(tmp_path: Path) -> None:
    paths = write_films(tmp_path / "films", 4 * build.CHUNK)
    builders = [start_builder(tmp_path / "films", tmp_path / "cache", delay=0.005) for _ in range(4)]
    outputs = [builder.communicate(timeout=120) for builder in builders]
    assert [builder.returncode for builder in builders] == [0] * 4, outputs
    (folder,) = (tmp_path / "cache").iterdir()
    assert {out.splitlines()[-1] for out, _ in outputs} == {str(folder)}
    assert contents(folder) == contents(build_store(paths, 16, tmp_path / "alone"))


def test_a_claim_of_the_dead_lapses_and_one_of_the_living_is_waited_for(paths: list[str], tmp_path: Path) -> None:
    folder = tmp_path / f"films-8-{store_key(paths, 8)}"
    folder.mkdir()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from filelock import SoftFileLease\n"
            f"with SoftFileLease(sys.argv[1], lease_duration={DURATION}): print('held', flush=True); time.sleep(60)",
            str(folder / "building.lock"),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    watched: list[int] = []

    def watch(done: int, total: int) -> None:
        watched.append(done)
        if len(watched) == 2:
            assert not (folder / "films.npy").exists()
            holder.kill()
            holder.communicate()

    start = time.monotonic()
    assert build_store(paths, 8, tmp_path, watch) == folder
    assert len(watched) >= 3
    assert time.monotonic() - start < DURATION
