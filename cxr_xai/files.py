"""Files that are either whole or absent, and what they hold as a hash."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; it takes the place of ``path`` only if the body succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(folder: Path) -> None:
    """Remove what a kill left of files that were being written, in a folder and below."""
    for path in folder.rglob(".*"):
        if re.fullmatch(r"\..+\.([0-9a-f]{8}|partial)", path.name) and path.is_file():
            path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write plain types; NaN becomes null, since JSON has none."""
    with whole(path) as partial:
        partial.write_text(json.dumps(_nan_to_null(value), indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table without row numbers."""
    with whole(path) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")


def read_json(path: Path) -> Any:
    """Read what ``write_json`` wrote; null stays None."""
    return json.loads(path.read_text())


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal; read in pieces, for weights may be large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _nan_to_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _nan_to_null(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_nan_to_null(entry) for entry in value]
    if isinstance(value, float) and value != value:
        return None
    return value
