"""Decodes films into shards, each whole or absent, so that a build that was cut off goes on after its last shard."""

import hashlib
import io
import json
import os
import re
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
from cxr_xai.data.films.dicom_header import read_headers
from cxr_xai.data.films.files import Progress
from cxr_xai.data.films.journal import Chunk, Journal
from cxr_xai.data.films.measure import FilmFacts, measure_film
from cxr_xai.data.films.quarantine import require_sound
from cxr_xai.data.films.store import store_key
from cxr_xai.data.shards.layout import FACTS, HEADER, MANIFEST, NOWHERE, SCHEMA, name_shard
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file, read_json, whole, write_json
from cxr_xai.lease import Lease

JOURNAL, PLAN, LOCK = "journal.jsonl", "plan.json", "building.lock"
OURS = re.compile(r"\.?(shards\.json|facts\.parquet|journal\.jsonl|plan\.json|films-\d{5,}\.tar)(\..*)?")
"""What lies in a folder of shards, and what is left of it where it was cut off in writing."""

DICOM = (".dcm", ".dicom")


def write_shards(
    films: pd.DataFrame,
    size: int,
    per_shard: int,
    folder: Path,
    progress: Progress | None = None,
    fresh: bool = False,
) -> Path:
    """Write the films of a source into shards; a finished folder of the same films is left as it is.

    Args:
        films: ``image_id`` and ``path``, in the order of image names.
        size: side in pixels.
        per_shard: films a shard.
        folder: made if need be.
        progress: told how many films are done.
        fresh: take away the shards that lie there, and write them anew.

    Returns:
        The manifest.

    Raises:
        UserError: another process writes there, a file cannot be read, the disk is full, most of the copy is unfit, the
            folder has shards of other films or settings, or other things lie in a folder that is to be cleared.
    """
    plan = make_plan(films, size, per_shard)
    if not fresh and (folder / MANIFEST).is_file():
        _require_same_plan(folder / MANIFEST, plan)
        return folder / MANIFEST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lease = Lease(folder / LOCK)
        if not lease.take(timeout=0.5):
            raise UserError(f"another process writes shards to {folder}; wait for it.")
        try:
            if fresh:
                clear_shards(folder)
            return _build(films, plan, folder, progress)
        finally:
            lease.release()
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror or error}); name another place.") from error


def make_plan(films: pd.DataFrame, size: int, per_shard: int) -> dict[str, Any]:
    """Return what shards are of: where two plans agree, so do their shards.

    Film files are the same where names, lengths and change times are, as for a store.
    """
    names = zlib.crc32("\n".join(films["image_id"]).encode())
    plan = {"schema": SCHEMA, "films": len(films), "size": size, "per_shard": per_shard, "rule": RULE, "names": names}
    return {**plan, "files": store_key(films["path"].tolist(), size)}


def clear_shards(folder: Path) -> None:
    """Delete the shards of a folder, and what tells of them.

    Raises:
        UserError: something else lies there, too; nothing is deleted.
    """
    there = [path for path in sorted(folder.iterdir()) if path.name != LOCK]
    if strange := [path.name for path in there if not OURS.fullmatch(path.name) or path.is_dir()]:
        raise UserError(
            f"{folder} holds {strange[0]}, which is of no shards; fresh=true clears only a folder of shards alone: "
            "name another by output=…."
        )
    for path in sorted(there, key=lambda path: path.name != MANIFEST):  # half cleared is not finished
        path.unlink()


def _build(films: pd.DataFrame, plan: dict[str, Any], folder: Path, progress: Progress | None) -> Path:
    names, paths = films["image_id"].tolist(), films["path"].tolist()
    size, per_shard, order = plan["size"], plan["per_shard"], draw_order(names)
    for place in (folder / MANIFEST, folder / PLAN):
        _require_same_plan(place, plan)
    if (folder / MANIFEST).is_file():  # finished while this process waited
        return folder / MANIFEST
    write_json(folder / PLAN, plan)
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
    return _finish(folder, films, plan, [facts[place] for place in np.argsort(order)])


def draw_order(names: Sequence[str]) -> list[int]:
    """Return in which order films go into shards: by lot, from a hash of their names, so that each is a fair sample.

    >>> draw_order(["a.png", "b.png", "c.png"])
    [2, 1, 0]
    """
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    return sorted(range(len(names)), key=hashes.__getitem__)


def _checksum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def _require_same_plan(path: Path, plan: dict[str, Any]) -> None:
    """Compare what is to be written with what was noted when this folder was begun or finished, if it was.

    Raises:
        UserError: they differ.
    """
    try:
        begun = read_json(path) if path.is_file() else plan
        key = next((key for key in plan if begun.get(key) != plan[key]), None)
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path} cannot be read; make the shards again with fresh=true.") from error
    if key is None:
        return
    what = "other film files than there are now" if key in ("names", "files") else f"{key} {begun.get(key)}"
    now = "" if key in ("names", "files") else f", now {plan[key]}"
    raise UserError(
        f"{path.parent} has shards of {what}{now}; fresh=true makes them again, output=… others, or use the former."
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


def _finish(folder: Path, films: pd.DataFrame, plan: dict[str, Any], facts: Sequence[FilmFacts]) -> Path:
    """Write facts, then the manifest, which makes it finished."""
    table = add_headers(pd.DataFrame([{"image_id": "", **one.as_row()} for one in facts]), films["path"].tolist())
    table["image_id"], table["shard"], table["crc"] = films["image_id"].tolist(), NOWHERE, 0
    entries = []
    for number in range(-(-len(films) // int(plan["per_shard"]))):
        path = folder / name_shard(number)
        kept = read_members(path)
        table.loc[list(kept), "shard"] = number
        table.loc[list(kept), "crc"] = [zlib.crc32(film) for film in kept.values()]
        entries.append({"file": path.name, "films": len(kept), "bytes": path.stat().st_size, "sha256": hash_file(path)})
    with whole(folder / FACTS) as partial:
        table.to_parquet(partial, index=False)
    decoders = {library: version(library) for library in ("opencv-python-headless", "pydicom")}
    manifest = {**plan, "decoders": decoders, "facts_sha256": hash_file(folder / FACTS), "shards": entries}
    write_json(folder / MANIFEST, manifest)
    for name in (JOURNAL, PLAN):
        (folder / name).unlink(missing_ok=True)
    return folder / MANIFEST


def add_headers(table: pd.DataFrame, paths: Sequence[str]) -> pd.DataFrame:
    """Add what DICOM headers say to the facts of films; files of other kinds have none."""
    headers = read_headers([path if path.lower().endswith(DICOM) else None for path in paths])
    return table.assign(**{column: headers[key] for column, key in HEADER.items()})
