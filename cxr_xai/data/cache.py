"""Films decoded once into one uint8 array on disk, shared by epochs, folds, sweep cells and ranks."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cxr_xai.data.images import RESIZE_RULE, read_image

Progress = Callable[[int, int], None]
"""Called with (done, total)."""

Pixels = npt.NDArray[np.uint8]


class Films(Protocol):
    """``films[rows]`` gives ``(len(rows), H, W)`` uint8."""

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return the films of these rows."""
        ...


class FilmFiles:
    """Decodes films from their files at every access: for small data, or where no disk can be spared."""

    def __init__(self, paths: Sequence[str], size: int) -> None:
        self.paths, self.size = list(paths), size

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Decode the films of these rows."""
        return np.stack([read_image(self.paths[row], self.size) for row in rows])


def cache_key(paths: Sequence[str], size: int) -> str:
    """Name the store after everything its bytes depend on: files (name, bytes, change time), size, resize rule."""
    digest = hashlib.sha256(json.dumps([size, RESIZE_RULE]).encode())
    for path in paths:
        file = Path(path)
        stat = file.stat()
        digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def build_cache(paths: Sequence[str], size: int, folder: Path, progress: Progress | None = None) -> Path:
    """Decode ``paths`` into ``folder/films-<size>-<key>.npy``, unless it is there already.

    The array is built beside its final name and renamed when whole, so a store that was cut off is never used, and
    two builders at once end with one of two equal stores.

    Returns:
        The path of an ``(N, size, size)`` uint8 array.
    """
    path = folder / f"films-{size}-{cache_key(paths, size)}.npy"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    # Not the process id: threads share it, and so may processes of two machines on one disk.
    partial = path.with_name(f"{path.stem}.partial-{secrets.token_hex(8)}")
    store = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(paths), size, size))

    def decode(row: int) -> None:
        store[row] = read_image(paths[row], size)

    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, _ in enumerate(pool.map(decode, range(len(paths))), start=1):
                if progress is not None:
                    progress(done, len(paths))
        store.flush()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def open_cache(path: Path) -> Pixels:
    """Open a store read-only; processes that open it share its pages."""
    films: Pixels = np.load(path, mmap_mode="r")
    return films
