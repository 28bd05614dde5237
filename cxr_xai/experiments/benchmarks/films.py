"""From film files to the store."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from cxr_xai.data.audit.thumbnails import BITS, near_pairs
from cxr_xai.data.films.store import build_store, verify_store
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns

DRAWN, FILMS = 64, 1_280
COMPARED, RELEASE = 20_000, 112_120


def measure_films(repeats: int) -> list[Figure]:
    """Measure building and checking a store, and comparing all films with each other."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_films(Path(folder) / "films")
        built, checked = measure_store(paths, Path(folder) / "cache", repeats)
        return [built, checked, measure_comparing(built.baseline / len(paths))]


def write_films(folder: Path) -> list[str]:
    """Write 1,280 films of 1,024 px (64 different ones, linked), about as long as the 400 KB of the release's."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(FILMS):
        path = folder / f"{number:04d}.png"
        if number < DRAWN:
            smooth = cv2.resize(random.integers(0, 220, (40, 40)).astype(np.float32), (1024, 1024))
            cv2.imwrite(str(path), np.clip(smooth + random.normal(0, 0.6, smooth.shape), 0, 255).astype(np.uint8))
        else:
            os.link(folder / f"{number % DRAWN:04d}.png", path)
    return sorted(map(str, folder.iterdir()))


def measure_store(paths: Sequence[str], cache: Path, repeats: int) -> tuple[Figure, Figure]:
    """Compare a build (read, hash, decode, resize, measure, write, sync) with decoding alone on as many threads."""

    def build() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        build_store(paths, 224, cache)

    def decode() -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda path: cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED), paths))

    times = time_in_turns({"build": build, "decode": decode}, min(repeats, 5))
    store = build_store(paths, 224, cache)
    start = time.perf_counter()
    verify_store(store)
    checking = time.perf_counter() - start
    speed = len(paths) / times["build"]
    kilobytes = sum(os.path.getsize(path) for path in paths) / len(paths) / 1000  # noqa: PTH202
    built = f"store of {len(paths)} films of 1,024 px and {kilobytes:.0f} KB, {speed:,.0f} films/s, vs decoding alone"
    checked = f"checking every byte of a store of {len(paths)} films vs building it"
    return (
        Figure(built, times["build"], times["decode"], times["decode"] / times["build"], "speed ratio", "≥ 0.85"),
        Figure(checked, checking, times["build"], checking / times["build"], "time ratio", "≤ 0.02"),
    )


def measure_comparing(decode_seconds: float) -> Figure:
    """Measure comparing 20,000 perceptual hashes, scaled to the pairs of the release, against decoding the release.

    Args:
        decode_seconds: per film, on all cores.
    """
    hashes = np.random.default_rng(0).random((COMPARED, BITS)) > 0.5
    start = time.perf_counter()
    for _ in near_pairs(hashes, 40):
        pass
    seconds = (time.perf_counter() - start) * (RELEASE / COMPARED) ** 2
    decoding = RELEASE * decode_seconds
    what = f"all pairs of {RELEASE:,} films compared (scaled from {COMPARED:,}) vs decoding them"
    return Figure(what, seconds, decoding, seconds / decoding, "time ratio", "≤ 0.5")
