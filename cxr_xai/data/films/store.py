"""Films decoded once into one uint8 array on disk, shared by epochs, folds, sweep cells and ranks.

A store is a folder ``films-<size>-<key>``: ``films.npy`` ``(N, size, size)`` uint8, ``facts.parquet`` with one row per
film, and ``manifest.json``, which is written last: without it the store is not finished. While it is built,
``journal.jsonl`` lists the chunks that are safely on disk, and ``building.lock`` is the claim of one builder, which
lapses when its owner dies. Should two builders overlap all the same, they write equal bytes to equal places.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.data.films.build import CHUNK, decode_chunks
from cxr_xai.data.films.decode import RULE, Pixels
from cxr_xai.data.films.files import Progress
from cxr_xai.data.films.journal import Journal
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file, read_json, whole, write_json
from cxr_xai.lease import Lease

SCHEMA = 1


@dataclass(frozen=True)
class Store:
    """A finished store.

    Attributes:
        folder: where it lies.
        films: ``(N, size, size)`` uint8, mapped read-only: processes that open it share its pages.
        facts: one row per film, the columns of ``FilmFacts``; films with a ``problem`` are black.
        manifest: what the bytes rest on.
    """

    folder: Path
    films: Pixels
    facts: pd.DataFrame
    manifest: Mapping[str, Any]


def store_key(paths: Sequence[str], size: int) -> str:
    """Name the store after everything its bytes depend on: files (name, length, change time), size, reading rule."""
    digest = hashlib.sha256(json.dumps([size, RULE]).encode())
    for path in paths:
        file = Path(path)
        stat = file.stat()
        digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def build_store(paths: Sequence[str], size: int, cache_dir: Path, progress: Progress | None = None) -> Path:
    """Decode films into a store, unless it is there; continue one that was cut off.

    Args:
        paths: film files, in the order of the array.
        size: side in pixels.
        cache_dir: where stores lie; disks that several machines share will do.
        progress: told how many films are done, whoever decodes them.

    Returns:
        The store's folder.

    Raises:
        UserError: the disk is full or not writable, a file cannot be read, or so many films are unfit that the copy
            must be broken.
    """
    folder = cache_dir / f"films-{size}-{store_key(paths, size)}"
    if _is_finished(folder):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _claim(folder, len(paths), progress):
            if not _is_finished(folder):
                decode_chunks(paths, size, folder / "films.npy", _journal(folder), progress)
                _finish(folder, len(paths), size)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror or error}); name another place by paths.cache=…, "
            "or decode at every access with datamodule.cache_dir=null."
        ) from error
    return folder


def find_store(paths: Sequence[str], size: int, cache_dir: Path) -> Path | None:
    """Return the folder of the finished store of these films, or None; nothing is made."""
    folder = cache_dir / f"films-{size}-{store_key(paths, size)}"
    return folder if _is_finished(folder) else None


def open_store(folder: Path) -> Store:
    """Open a finished store.

    Raises:
        UserError: the array is not as long as its manifest says.
    """
    manifest = _manifest(folder)
    try:
        films: Pixels = np.load(folder / "films.npy", mmap_mode="r")
        facts = pd.read_parquet(folder / "facts.parquet")
    except (OSError, ValueError) as error:
        raise _mismatch(folder, f"a file cannot be opened, {error}") from error
    if films.shape != (manifest["films"], manifest["size"], manifest["size"]) or len(facts) != len(films):
        raise _mismatch(folder, f"it holds {films.shape} films and {len(facts)} facts")
    return Store(folder, films, facts, manifest)


def verify_store(folder: Path, progress: Progress | None = None) -> Store:
    """Open a finished store and compare every byte with its checksums.

    Raises:
        UserError: something does not match; the message says what to delete.
    """
    store = open_store(folder)
    manifest = store.manifest
    if hash_file(folder / "facts.parquet") != manifest["facts_sha256"]:
        raise _mismatch(folder, "facts.parquet was changed")
    starts = range(0, len(store.films), manifest["chunk"])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda start: zlib.crc32(store.films[start : start + manifest["chunk"]].data), starts)
        for number, (checksum, expected) in enumerate(zip(found, manifest["checksums"], strict=True)):
            if checksum != expected:
                raise _mismatch(folder, f"films {starts[number]:,} and on were changed")
            if progress is not None:
                progress(min(starts[number] + manifest["chunk"], len(store.films)), len(store.films))
    return store


def _is_finished(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


def _journal(folder: Path) -> Journal:
    return Journal(folder / "journal.jsonl")


@contextmanager
def _claim(folder: Path, films: int, progress: Progress | None) -> Iterator[None]:
    """Wait for the builder that is at work, showing its progress, or become it."""
    lease = Lease(folder / "building.lock")
    while not _is_finished(folder) and not lease.take(timeout=0.5):
        if progress is not None:
            progress(min(_journal(folder).count() * CHUNK, films - 1), films)
    try:
        yield
    finally:
        lease.release()


def _finish(folder: Path, films: int, size: int) -> None:
    """Write facts and manifest; neither holds a time or a place, so that two builds are equal byte for byte."""
    chunks = [chunk for _, chunk in sorted(_journal(folder).read().items())]
    facts = pd.DataFrame([entry.as_row() for chunk in chunks for entry in chunk.facts])
    with whole(folder / "facts.parquet") as partial:
        facts.to_parquet(partial, index=False)
    sources = "".join(f"{name} {sha}\n" for name, sha in zip(facts["file"], facts["sha256"], strict=True))
    manifest = {
        "schema": SCHEMA,
        "films": films,
        "size": size,
        "rule": RULE,
        "decoders": {library: version(library) for library in ("opencv-python-headless", "pydicom")},
        "sources_sha256": hashlib.sha256(sources.encode()).hexdigest(),
        "facts_sha256": hash_file(folder / "facts.parquet"),
        "unfit": int((facts["problem"] != "").sum()),
        "chunk": CHUNK,
        "checksums": [chunk.checksum for chunk in chunks],
    }
    write_json(folder / "manifest.json", manifest)
    _journal(folder).path.unlink(missing_ok=True)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = read_json(folder / "manifest.json")
        if manifest["schema"] != SCHEMA:
            raise _mismatch(folder, f"its manifest has schema {manifest['schema']}, this version reads {SCHEMA}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _mismatch(folder, "its manifest cannot be read") from error
    return manifest


def _mismatch(folder: Path, what: object) -> UserError:
    reason = " ".join(str(what).split()).rstrip(".")
    return UserError(f"The store {folder} does not match its manifest: {reason}. Delete the folder; it is built anew.")
