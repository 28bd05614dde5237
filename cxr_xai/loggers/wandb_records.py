"""What W&B wrote on this machine, read back: the id of a run, its rows, and ends that a kill left torn.

A run that was continued has several records in ``<run folder>/wandb``, one for each time it ran, under one id. They
are logs in LevelDB's format: a header of 7 bytes, then blocks of 32 KiB of chunks, each after 7 bytes of its own.
"""

import json
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

from cxr_xai.files import whole

parse = wandb_internal_pb2.Record.FromString  # type: ignore[attr-defined]
BLOCK, HEADER = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
"""A record in one chunk, or the first, a middle and the last chunk of it."""


def split_log(data: bytes) -> tuple[list[bytes], int]:
    """Return the whole records of a log, and how many bytes they and all before them take; a torn one is left out."""
    records, buffer, at, end = list[bytes](), b"", HEADER, HEADER
    while at + HEADER <= len(data):
        if (left := BLOCK - at % BLOCK) < HEADER:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        chunk = data[at + HEADER : at + HEADER + length]
        if len(chunk) < length or kind not in (FULL, FIRST, MIDDLE, LAST):
            break
        buffer = chunk if kind in (FULL, FIRST) else buffer + chunk
        at += HEADER + length
        if kind in (FULL, LAST):
            records.append(buffer)
            end = at
    return records, end


def read_records(path: Path) -> list[Any]:
    """Return the whole records of a ``.wandb`` file."""
    return [parse(record) for record in split_log(path.read_bytes())[0]]


def list_logs(save_dir: Path) -> list[Path]:
    """Return the ``.wandb`` files of a run folder in the order in which they were begun; folders are named by time."""
    found = [path for path in (save_dir / "wandb").glob("*run-*/*.wandb") if not path.parent.is_symlink()]
    return sorted(found, key=lambda path: path.parent.name.removeprefix("offline-"))


def is_waiting(path: Path) -> bool:
    """Whether a ``.wandb`` file was written offline and ``wandb sync`` has not sent it."""
    return path.parent.name.startswith("offline-") and not path.with_suffix(".wandb.synced").exists()


def read_rows(save_dir: Path) -> list[dict[str, Any]]:
    """Return the history of a run folder over all its records, row by row; pictures are mappings."""
    records = [record for path in list_logs(save_dir) for record in read_records(path) if record.HasField("history")]
    return [nest(record.history.item) for record in records]


def walk_items(items: Iterable[Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the way to every value of a history, summary or config, and the value: a record holds them leaf by leaf."""
    for item in items:
        yield tuple(item.nested_key) or (item.key,), json.loads(item.value_json)


def nest(items: Iterable[Any]) -> dict[str, Any]:
    """Return the values of a row as they were logged."""
    row: dict[str, Any] = {}
    for (*way, last), value in walk_items(items):
        place = row
        for key in way:
            place = place.setdefault(key, {})
        place[last] = value
    return row


def mend_logs(save_dir: Path) -> None:
    """Cut torn ends off, and drop records in which a run never began: ``wandb sync`` stumbles over either.

    It would send what lies before a torn end, not mark it as sent, and send it again the next time; over a log without
    a run it would send nothing of anything.
    """
    for path in filter(is_waiting, list_logs(save_dir)):
        data = path.read_bytes()
        records, end = split_log(data)
        if not any(parse(record).HasField("run") for record in records):
            shutil.rmtree(path.parent)
        elif end < len(data):
            with path.open("r+b") as file:
                file.truncate(end)


def read_id(save_dir: Path) -> str | None:
    """Return the id under which W&B knows the run of this folder; None if it has none."""
    path = save_dir / "wandb" / "id.txt"
    return path.read_text().strip() if path.is_file() else None


def draw_id(save_dir: Path) -> str:
    """Return the id of this folder, drawn when it is asked for the first time.

    Kept and not computed: a cell of another sweep, of another machine, or begun anew with ``fresh=true`` may be the
    same by all its settings, and its record would be written into this one's.
    """
    if (known := read_id(save_dir)) is not None:
        return known
    path = save_dir / "wandb" / "id.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        partial.write_text(secrets.token_hex(4) + "\n")
    return draw_id(save_dir)
