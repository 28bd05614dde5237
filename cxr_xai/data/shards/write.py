"""Decodes films into shards, each whole or absent, so that a build that was cut off goes on after its last shard."""

import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from cxr_xai.data.films.decode import RULE, Pixels
from cxr_xai.data.films.files import Progress
from cxr_xai.data.films.journal import Chunk, Journal
from cxr_xai.data.films.measure import FilmFacts, measure_film
from cxr_xai.data.films.quarantine import require_sound
from cxr_xai.data.shards.layout import FACTS, MANIFEST, NOWHERE, SCHEMA, name_shard
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file, whole, write_json
from cxr_xai.lease import Lease

JOURNAL = "journal.jsonl"


def write_shards(
    films: pd.DataFrame, size: int, per_shard: int, folder: Path, progress: Progress | None = None
) -> Path:
    """Write the films of a source into shards; a finished folder is left as it is.

    Args:
        films: ``image_id`` and ``path``, in the order of image names.
        size: side in pixels.
        per_shard: films a shard.
        folder: made if need be.
        progress: told how many films are done.

    Returns:
        The manifest.

    Raises:
        UserError: another process writes there, a file cannot be read, the disk is full, most of the copy is unfit, or
            the folder was begun with other films or settings.
    """
    if (folder / MANIFEST).is_file():
        return folder / MANIFEST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lease = Lease(folder / "building.lock")
        if not lease.take(timeout=0.5):
            raise UserError(f"another process writes shards to {folder}; wait for it.")
        try:
            return _build(films, size, per_shard, folder, progress)
        finally:
            lease.release()
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror or error}); name another place.") from error


def _build(films: pd.DataFrame, size: int, per_shard: int, folder: Path, progress: Progress | None) -> Path:
    names, paths = films["image_id"].tolist(), films["path"].tolist()
    order = draw_order(names)
    plan = {"schema": SCHEMA, "films": len(names), "size": size, "per_shard": per_shard, "rule": RULE}
    _require_same_plan(folder, {**plan, "names": zlib.crc32("\n".join(names).encode())})
    journal = Journal(folder / JOURNAL)
    noted = {number: chunk for number, chunk in journal.read().items() if (folder / name_shard(number)).is_file()}
    problems: dict[str, str] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, start in enumerate(range(0, len(names), per_shard)):
            rows, path = order[start : start + per_shard], folder / name_shard(number)
            if number not in noted or _checksum(path) != noted[number].checksum:
                measured = list(pool.map(lambda file: measure_film(file, size), [paths[row] for row in rows]))
                kept = [(row, names[row], film) for row, (film, _) in zip(rows, measured, strict=True)]
                write_shard(path, [(row, name, film) for row, name, film in kept if film is not None])
                noted[number] = Chunk(number, _checksum(path), [facts for _, facts in measured])
                journal.append(noted[number])
            problems |= {facts.file: facts.problem for facts in noted[number].facts if facts.problem}
            require_sound(problems, len(names))
            if progress is not None:
                progress(start + len(rows), len(names))
    facts = [one for _, chunk in sorted(noted.items()) for one in chunk.facts]
    return _finish(folder, names, plan, [facts[place] for place in np.argsort(order)])


def draw_order(names: Sequence[str]) -> list[int]:
    """Return in which order films go into shards: by lot, from a hash of their names, so that each is a fair sample.

    >>> draw_order(["a.png", "b.png", "c.png"])
    [2, 1, 0]
    """
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    return sorted(range(len(names)), key=hashes.__getitem__)


def _checksum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def _require_same_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Note what is about to be written, or compare it with what was begun here."""
    path = folder / "plan.json"
    if not path.is_file():
        write_json(path, plan)
    elif (begun := json.loads(path.read_text())) != plan:
        key = next(key for key in plan if begun.get(key) != plan[key])
        raise UserError(
            f"{folder} was begun with {key} {begun.get(key)}, now {plan[key]}; use the former settings, or fresh=true."
        )


def write_shard(path: Path, films: Sequence[tuple[int, str, Pixels]]) -> None:
    """Write ``(number, image_id, pixels)`` as samples of WebDataset, the same bytes every time."""
    with whole(path) as partial, partial.open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for number, name, pixels in films:
            told = json.dumps({"image_id": name}).encode()
            for suffix, content in (("json", told), ("png", encode(pixels))):
                member = tarfile.TarInfo(f"{number:09d}.{suffix}")  # time 0, no owner
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def encode(pixels: Pixels) -> bytes:
    """Return ``(H, W)`` uint8 as a PNG, without loss."""
    return bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())


def read_members(path: Path) -> dict[int, bytes]:
    """Return the PNG of every film of a shard by number."""
    with tarfile.open(path) as tar:
        members = [member for member in tar if member.name.endswith(".png")]
        return {int(member.name[:-4]): tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def _finish(folder: Path, names: list[str], plan: dict[str, Any], facts: Sequence[FilmFacts]) -> Path:
    """Write facts, then the manifest, which makes it finished."""
    table = pd.DataFrame([{"image_id": "", **one.as_row()} for one in facts])
    table["image_id"], table["shard"], table["crc"] = names, NOWHERE, 0
    entries = []
    for number in range(-(-len(names) // int(plan["per_shard"]))):
        path = folder / name_shard(number)
        films = read_members(path)
        table.loc[list(films), "shard"] = number
        table.loc[list(films), "crc"] = [zlib.crc32(film) for film in films.values()]
        entries.append(
            {"file": path.name, "films": len(films), "bytes": path.stat().st_size, "sha256": hash_file(path)}
        )
    with whole(folder / FACTS) as partial:
        table.to_parquet(partial, index=False)
    decoders = {library: version(library) for library in ("opencv-python-headless", "pydicom")}
    manifest = {**plan, "decoders": decoders, "facts_sha256": hash_file(folder / FACTS), "shards": entries}
    write_json(folder / MANIFEST, manifest)
    for name in (JOURNAL, "plan.json"):
        (folder / name).unlink(missing_ok=True)
    return folder / MANIFEST
