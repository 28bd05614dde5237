"""Decodes films into an array file, many at a time, so that it can be cut off anywhere and continued."""

import io
import os
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from cxr_xai.data.films.files import Progress
from cxr_xai.data.films.journal import Chunk, Journal
from cxr_xai.data.films.measure import measure_film
from cxr_xai.data.films.quarantine import require_sound
from cxr_xai.errors import UserError

CHUNK = 64
"""Films per task, checksum and line of the journal."""


def decode_chunks(
    paths: Sequence[str], size: int, array: Path, journal: Journal, progress: Progress | None = None
) -> None:
    """Decode every chunk that the journal does not vouch for.

    A chunk is written to the array, brought to disk, and only then noted; chunks that were noted are read back and
    compared with their checksums before they are believed.

    Args:
        paths: film files.
        size: side in pixels.
        array: the ``.npy`` file, made if need be.
        journal: of this array.
        progress: told how many films are done.

    Raises:
        UserError: a file cannot be read, the disk is too small, or most of the copy is unfit.
        OSError: the array cannot be written.
    """
    offset = _lay_out(array, (len(paths), size, size))
    count = -(-len(paths) // CHUNK)
    noted = {n: chunk for n, chunk in journal.read().items() if n < count and _is_there(array, offset, size, chunk)}
    done = sum(len(chunk.facts) for chunk in noted.values())
    problems = {entry.file: entry.problem for chunk in noted.values() for entry in chunk.facts if entry.problem}
    file, pool = array.open("rb"), ThreadPoolExecutor(os.cpu_count())
    try:
        tasks = [
            pool.submit(_decode_chunk, n, paths[n * CHUNK : (n + 1) * CHUNK], size, array, offset)
            for n in range(count)
            if n not in noted
        ]
        for task in as_completed(tasks):
            chunk = task.result()
            # Here and not in the workers, which decode meanwhile.
            os.fsync(file.fileno())
            journal.append(chunk)
            done += len(chunk.facts)
            problems |= {entry.file: entry.problem for entry in chunk.facts if entry.problem}
            require_sound(problems, len(paths))
            if progress is not None:
                progress(done, len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
        file.close()


def _lay_out(array: Path, shape: tuple[int, int, int]) -> int:
    """Make an array file of the right length unless it is there; return where its first film begins.

    Raises:
        UserError: the disk has no room for it.
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    length = header.tell() + int(np.prod(shape))
    there = array.stat().st_blocks * 512 if array.is_file() else 0
    if (free := shutil.disk_usage(array.parent).free) < length - there:
        raise UserError(
            f"The store needs {length / 1e9:.2f} GB and the disk of {array.parent} has {free / 1e9:.2f} GB left; "
            "name another place by paths.cache=…, or decode at every access with datamodule.cache_dir=null."
        )
    with array.open("r+b" if array.is_file() else "w+b") as file:
        file.write(header.getvalue())
        file.truncate(length)
    return header.tell()


def _is_there(array: Path, offset: int, size: int, chunk: Chunk) -> bool:
    with array.open("rb") as file:
        file.seek(offset + chunk.number * CHUNK * size * size)
        return zlib.crc32(file.read(len(chunk.facts) * size * size)) == chunk.checksum


def _decode_chunk(number: int, paths: Sequence[str], size: int, array: Path, offset: int) -> Chunk:
    films, facts = np.zeros((len(paths), size, size), np.uint8), []
    for row, path in enumerate(paths):
        pixels, measured = measure_film(path, size)
        facts.append(measured)
        if pixels is not None:
            films[row] = pixels
    with array.open("r+b") as file:
        file.seek(offset + number * CHUNK * size * size)
        file.write(films.data)
    return Chunk(number, zlib.crc32(films.data), facts)
